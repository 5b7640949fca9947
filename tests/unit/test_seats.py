"""Who sits where: locks, lost faces, leavers, strangers, and places without a plan."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.claims import Sight
from aggregator.places import PlaceBook
from aggregator.regions import Region
from aggregator.seats import SeatBook
from aggregator.tracking import NS, Tracker
from schemas.room_plan import SeatPlan
from tests.unit.room_log import HEIGHT, WIDTH, face, square

SEATS = (
    SeatPlan(label="A1", polygon=square(0.3, 0.5)),
    SeatPlan(label="A2", polygon=square(0.6, 0.5)),
)


class Camera:
    """A tracker and its book, driven second by second at 2 frames a second."""

    def __init__(self, seats=SEATS):
        self.seats = seats
        self.tracker = Tracker()
        self.book = SeatBook() if seats else PlaceBook()
        self.second = 1000

    def watch(self, seconds, *points):
        """See faces at these points for some seconds; a point may be a function of time."""
        for _ in range(seconds):
            for half in (0, 1):
                at_ns = self.second * NS + half * NS // 2
                spots = [p(self.second) if callable(p) else p for p in points]
                self.tracker.update(at_ns, [face(*spot) for spot in spots], WIDTH, HEIGHT)
            self.tracker.expire(self.second * NS)
            if self.seats:
                self.book.step(self.second, self.tracker.tracks, self.seats)
            else:
                self.book.step(self.second, self.tracker.tracks)
            self.second += 1

    def film(self, *seconds):
        """See one face at the two points of each second."""
        for first, other in seconds:
            halves = iter((first, other))
            self.watch(1, lambda _second: next(halves))  # noqa: B023  called before the next

    def sight(self, label):
        return Sight(self.book.claims[label].sight)

    @property
    def locked(self):
        return [place for place in self.book.places if place.claim.locked]


def test_a_seat_locks_after_thirty_seconds():
    camera = Camera()
    camera.watch(29, (0.3, 0.5))
    assert camera.sight("A1") == Sight.FREE
    camera.watch(1, (0.3, 0.5))
    assert camera.sight("A1") == Sight.SEEN
    assert camera.sight("A2") == Sight.FREE


def test_a_passer_by_locks_nothing():
    camera = Camera()
    camera.watch(60, lambda s: (0.1 + 0.04 * (s % 20), 0.5))
    assert {camera.sight("A1"), camera.sight("A2")} == {Sight.FREE}


def test_a_student_who_looks_down_now_and_then_locks_all_the_same():
    camera = Camera()
    for _ in range(4):
        camera.watch(6, (0.3, 0.5))
        camera.watch(3)
    assert camera.book.claims["A1"].locked


def test_a_lost_face_is_expected_and_is_the_same_student_when_it_comes_back():
    camera = Camera()
    camera.watch(30, (0.3, 0.5))
    camera.watch(60)
    assert camera.sight("A1") == Sight.LOST
    camera.watch(1, (0.31, 0.5))
    assert camera.sight("A1") == Sight.SEEN


def test_who_walks_away_is_out_and_loses_the_seat_after_twenty_seconds():
    camera = Camera()
    camera.watch(30, (0.3, 0.5))
    camera.watch(12, lambda s: (0.3, 0.5 + 0.03 * (s - 1030)))
    assert camera.sight("A1") == Sight.OUT
    assert camera.book.claims["A1"].locked
    camera.watch(25)
    assert not camera.book.claims["A1"].locked


def test_who_leans_out_for_a_moment_keeps_the_seat():
    camera = Camera()
    camera.watch(30, (0.3, 0.5))
    camera.watch(1, (0.36, 0.5))
    assert camera.sight("A1") == Sight.SEEN


def test_who_comes_back_within_twenty_seconds_is_present_at_once():
    camera = Camera()
    camera.watch(30, (0.3, 0.5))
    camera.watch(10, lambda s: (0.3, 0.5 + 0.04 * min(s - 1030, 3)))
    assert camera.sight("A1") == Sight.OUT
    camera.watch(8, lambda s: (0.3, 0.62 - 0.04 * min(s - 1040, 3)))
    assert camera.sight("A1") == Sight.SEEN


def test_a_stranger_who_walks_in_must_lock_the_seat_anew():
    camera = Camera()
    camera.watch(30, (0.3, 0.5))
    camera.watch(5)
    camera.watch(20, lambda s: (0.1 + 0.05 * min(s - 1035, 4), 0.5))
    assert camera.sight("A1") == Sight.FREE
    camera.watch(30, (0.3, 0.5))
    assert camera.sight("A1") == Sight.SEEN


def test_a_teacher_who_passes_a_hidden_student_does_not_become_the_student():
    camera = Camera()
    camera.watch(30, (0.3, 0.5))
    camera.watch(12, lambda s: (0.0 + 0.07 * (s - 1030), 0.45))
    assert camera.sight("A1") == Sight.LOST


def test_one_student_gets_one_of_two_overlapping_seats():
    close = (
        SeatPlan(label="A1", polygon=square(0.3, 0.5, 0.08)),
        SeatPlan(label="A2", polygon=square(0.36, 0.5, 0.08)),
    )
    camera = Camera(close)
    camera.watch(40, (0.32, 0.5))
    assert (camera.sight("A1"), camera.sight("A2")) == (Sight.SEEN, Sight.FREE)


def test_two_neighbours_in_overlapping_seats_get_one_each():
    close = (
        SeatPlan(label="A1", polygon=square(0.3, 0.5, 0.08)),
        SeatPlan(label="A2", polygon=square(0.36, 0.5, 0.08)),
    )
    camera = Camera(close)
    camera.watch(40, (0.28, 0.5), (0.38, 0.5))
    assert (camera.sight("A1"), camera.sight("A2")) == (Sight.SEEN, Sight.SEEN)


def test_of_two_in_one_seat_the_first_stays_its_student():
    camera = Camera()
    camera.watch(40, (0.3, 0.5))
    owner = camera.book.claims["A1"].owner
    camera.watch(60, (0.28, 0.46), lambda s: (0.34, 0.9 - 0.05 * min(s - 1040, 7.2)))
    assert camera.book.claims["A1"].owner == owner
    assert camera.book.news["A1"].rivals == 1


def test_two_who_wait_for_one_seat_do_not_keep_each_other_from_it():
    camera = Camera()
    camera.watch(45, lambda s: (0.27 + 0.01 * (s % 2), 0.5), lambda s: (0.33 - 0.01 * (s % 2), 0.5))
    assert camera.sight("A1") == Sight.SEEN


def test_who_walks_past_a_student_whose_head_is_down_is_not_the_student():
    """The walker's face appears only behind the sleeper."""
    camera = Camera()
    camera.watch(40, (0.3, 0.5))
    camera.watch(20)
    camera.film(((0.26, 0.47), (0.29, 0.47)), ((0.32, 0.47), (0.35, 0.47)))
    camera.watch(3)
    claim = camera.book.claims["A1"]
    assert (claim.sight, claim.last_seen) == (Sight.LOST, 1039)


def test_whose_face_was_lost_standing_beside_the_seat_is_not_waited_for():
    camera = Camera()
    camera.watch(30, (0.3, 0.5))
    camera.film(((0.3, 0.5), (0.3, 0.47)), ((0.3, 0.42), (0.3, 0.36)))
    camera.watch(4)
    assert camera.sight("A1") == Sight.OUT


def test_a_track_that_rests_on_a_student_whose_own_track_was_lost_is_not_its_students_any_more():
    camera = Camera()
    camera.watch(35, (0.3, 0.5), (0.6, 0.5))
    gone, other = (camera.book.claims[label].owner for label in ("A1", "A2"))
    # To the camera it looks as if the student walked over; the other one's face is not found.
    camera.watch(19, lambda s: (0.3 + 0.03 * min(s - 1035, 10), 0.5))
    assert [track.track_id for track in camera.tracker.tracks] == [gone]
    assert gone not in camera.book.origins
    assert other not in camera.book.origins


def test_neighbours_who_both_look_down_have_not_met():
    seats = tuple(SeatPlan(label=f"A{i}", polygon=square(0.3 + 0.1 * i, 0.5)) for i in range(2))
    camera = Camera(seats)
    camera.watch(35, (0.3, 0.5), (0.4, 0.5), (0.8, 0.5))
    for _ in range(3):
        camera.watch(1, (0.8, 0.5))
        camera.watch(1, (0.3, 0.5), (0.4, 0.5), (0.8, 0.5))
    assert sorted(camera.book.origins.values()) == ["A0", "A1"]


def test_a_passer_by_who_takes_a_students_track_along_does_not_take_the_seat():
    """Their boxes are one for a moment; then the track goes with the passer-by."""
    camera = Camera()
    camera.watch(35, (0.3, 0.5))
    student = camera.book.claims["A1"].owner
    camera.watch(1, (0.34, 0.5))
    camera.watch(5, (0.3, 0.5), lambda s: (0.38 + 0.04 * (s - 1036), 0.5))
    claim = camera.book.claims["A1"]
    assert student in {track.track_id for track in camera.tracker.tracks}
    assert (claim.sight, claim.owner == student) == (Sight.SEEN, False)
    assert camera.book.origins == {claim.owner: "A1"}


@pytest.mark.parametrize(
    ("x", "y", "inside"), [(0.5, 0.3, True), (0.5, 0.6, True), (0.3, 0.3, False), (0.9, 0.2, False)]
)
def test_a_polygon_need_not_be_a_square(x, y, inside):
    triangle = SeatPlan(label="T", polygon=((0.5, 0.1), (0.8, 0.7), (0.2, 0.7)))
    assert Region.of(triangle).contains(x, y) is inside


def test_without_a_plan_faces_that_stay_get_numbers():
    camera = Camera(seats=())
    camera.watch(20, (0.2, 0.5), (0.5, 0.5), lambda s: (0.1 + 0.04 * (s - 1000), 0.2))
    camera.watch(15, (0.2, 0.5), (0.5, 0.5))
    assert len(camera.locked) == 2


def test_a_place_follows_its_face():
    camera = Camera(seats=())
    camera.watch(60, lambda s: (0.2 + 0.005 * (s - 1000), 0.5))
    assert len(camera.locked) == 1


def test_a_lost_face_takes_its_place_again():
    camera = Camera(seats=())
    camera.watch(35, (0.2, 0.5), (0.5, 0.5))
    camera.watch(10, (0.5, 0.5))
    camera.watch(60, (0.21, 0.5), (0.5, 0.5))
    assert len(camera.locked) == 2
    assert all(place.claim.sight == Sight.SEEN for place in camera.locked)


def test_a_film_that_jumps_back_has_as_many_people_as_it_shows():
    """Both drift away from where the film began, and jump back there every 11 s."""
    camera = Camera(seats=())
    camera.watch(
        130,
        lambda s: (0.2 + 0.018 * ((s - 1000) % 11), 0.5),
        lambda s: (0.7, 0.4 + 0.02 * ((s - 1000) % 11)),
    )
    assert len(camera.locked) == 2


def test_who_goes_over_the_pictures_edge_is_not_expected():
    camera = Camera(seats=())
    camera.watch(35, (0.2, 0.5))
    camera.watch(6, lambda s: (max(0.2 - 0.05 * (s - 1035), 0.01), 0.5))
    camera.watch(5)
    assert [place.claim.sight for place in camera.locked] == [Sight.OUT]


@given(
    polygon=st.lists(
        st.tuples(*[st.sampled_from([0.1, 0.2, 0.5, 0.6])] * 2), min_size=4, max_size=5
    )
)
@settings(max_examples=300)
def test_what_is_taken_for_a_box_is_one(polygon):
    region = Region.of(SeatPlan(label="S", polygon=tuple(polygon)))
    steps = [0.06 + 0.03 * k for k in range(20)]
    if region.is_box:
        box = [abs(x - region.x) < region.w / 2 and abs(y - region.y) < region.h / 2
               for x in steps for y in steps]  # fmt: skip
        assert box == [region.contains(x, y) for x in steps for y in steps]


def test_a_rectangle_is_a_box_and_a_trapezium_is_not():
    assert Region.of(SEATS[0]).is_box
    trapezium = ((0.1, 0.1), (0.3, 0.1), (0.25, 0.3), (0.15, 0.3))
    assert not Region.of(SeatPlan(label="T", polygon=trapezium)).is_box


def test_a_face_at_the_edge_of_a_seat_may_be_anothers_and_does_not_count():
    """The student's track has gone over to somebody who stands behind."""
    camera = Camera()
    camera.watch(35, (0.3, 0.5))
    camera.watch(2, (0.3, 0.415))
    claim = camera.book.claims["A1"]
    assert (claim.sight, claim.last_seen) == (Sight.LOST, 1034)
    camera.watch(1, (0.3, 0.48))
    assert camera.sight("A1") == Sight.SEEN
