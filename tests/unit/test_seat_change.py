"""Students who sit in another's seat: noticed within a minute, and nobody's figures under another
name from then on."""

import pytest

from aggregator.cameras import Sighting
from aggregator.claims import Sight
from aggregator.room import Room
from aggregator.rows import AttentionWindowRow, EventRow, MeetingSummaryRow, ParticipationRow
from aggregator.score import Reason
from aggregator.seat_change import SETTLED_S, SeatChanges
from aggregator.seats import Arrival, News
from schemas.messages import EndOfStream, SeatsConfirmed
from tests.unit.room_log import NS, START, centre, entries, face, plan, timed_log

AISLE_Y = 0.95
GETS_UP_S = 60


def place(spot):
    return centre(spot) if isinstance(spot, int) else spot


def along(*stops):
    """A way: (time, seat or point, or None for not to be seen), straight in between."""

    def at(t):
        before = max((s for s in stops if s[0] <= t), key=lambda s: s[0])
        after = min((s for s in stops if s[0] > t), key=lambda s: s[0], default=before)
        if before[1] is None or (after[1] is None and after is not before):
            return None if before[1] is None else place(before[1])
        (x0, y0), (x1, y1) = place(before[1]), place(after[1])
        share = (t - before[0]) / max(after[0] - before[0], 1e-9)
        return x0 + share * (x1 - x0), y0 + share * (y1 - y0)

    return at


def sits(seat):
    return along((0, seat))


def walks(start_s, here, there, aisle_y=AISLE_Y, length_s=10):
    """Seat to seat by an aisle; always seen."""
    (x0, _), (x1, _) = place(here), place(there)
    step = length_s / 3
    return along(
        (0, here),
        (start_s, here),
        (start_s + step, (x0, aisle_y)),
        (start_s + 2 * step, (x1, aisle_y)),
        (start_s + length_s, there),
    )


def hidden(start_s, here, there, length_s=10):
    """Gets up, turns away, and is seen again only in the other seat."""
    x, y = place(here)
    up = (x, y - 0.2)
    return along(
        (0, here), (start_s, here), (start_s + 1.5, up), (start_s + 2, up), (start_s + 2.5, None),
        (start_s + length_s, there),
    )  # fmt: skip


def play(ways, length_s=160, cameras=("cam-1",), unseen=(), more=(), fps=2):
    """All rows of a lesson.

    Args:
        ways: of the people.
        length_s: of the lesson.
        cameras: of the room.
        unseen: (camera, from, until): in these seconds the camera sees no walker.
        more: (time, message) besides.
    """
    spots = [centre(i) for i in range(6)]

    def scene(t, camera):
        blind = any(c == camera and a <= t < b for c, a, b in unseen)
        points = [at for way in ways if (at := way(t)) is not None]
        return [face(x, y) for x, y in points if not blind or _near(x, y, spots)]

    timed = timed_log(plan(seats=6, cameras=cameras), length_s, scene, fps=fps)
    ends = [
        (length_s + 1.0, EndOfStream(room_id="room-1", camera_id=c, at=(START + length_s) * NS))
        for c in cameras
    ]
    later = [(length_s + 10.0 + i, m) for i, (_, m) in enumerate(ends * 6)]
    room, rows = Room.new("room-1"), []
    for entry_id, message in entries(sorted([*timed, *more, *ends, *later], key=lambda p: p[0])):
        rows += room.feed(entry_id, message)
    assert any(isinstance(row, MeetingSummaryRow) for row in rows)
    return rows


def _near(x, y, spots):
    return any(abs(x - u) < 0.04 and abs(y - v) < 0.04 for u, v in spots)


def seat_changes(rows):
    return [(row.ts - START, *row.payload["seats"]) for row in rows if isinstance(row, EventRow)]


def presence(rows):
    """Seconds since START of each complete participation, by seat; anonymous ones in a list."""
    done = [row for row in rows if isinstance(row, ParticipationRow) and row.present is not None]
    by_seat = {
        row.seat: [(a - START, b - START) for a, b in row.present] for row in done if row.seat
    }
    anonymous = [[(a - START, b - START) for a, b in row.present] for row in done if not row.seat]
    return by_seat, anonymous


def last_second(ranges):
    return max(b for _, b in ranges)


def swap(make, **changes):
    """Students of A1 and A3 change seats; A2 and A4 stay."""
    return [
        make(GETS_UP_S, 0, 2, **changes),
        make(GETS_UP_S + 2, 2, 0, **{**changes, **({"aisle_y": 0.8} if changes else {})}),
        sits(1),
        sits(3),
    ]


def check_swap(rows):
    [(at, *seats)] = seat_changes(rows)
    assert seats == ["A1", "A3"]
    assert at - (GETS_UP_S + 12) <= 60
    by_seat, anonymous = presence(rows)
    assert last_second(by_seat["A1"]) <= GETS_UP_S + 6
    assert last_second(by_seat["A3"]) <= GETS_UP_S + 8
    assert len(anonymous) == 2
    assert all(last_second(ranges) >= 159 for ranges in anonymous)
    assert all(last_second(by_seat[seat]) >= 159 for seat in ("A2", "A4"))


def test_two_who_are_seen_to_change_seats_are_anonymous_from_then_on():
    check_swap(play(swap(walks, aisle_y=AISLE_Y)))


def test_two_who_cross_on_one_way_may_be_exchanged_and_are_anonymous():
    ways = [walks(GETS_UP_S, 0, 2), walks(GETS_UP_S + 2, 2, 0), sits(1), sits(3)]
    check_swap(play(ways))


def test_two_who_change_seats_with_their_backs_turned_are_suspected():
    check_swap(play(swap(hidden)))


def test_a_student_whom_nobody_saw_leave_has_left_when_another_walks_in():
    """One of the two gets up with the face turned away and is seen again only on the way."""

    def unseen_at_first(start_s, here, there):
        (x1, _), y = place(there), AISLE_Y
        return along(
            (0, here), (start_s, None), (start_s + 6, (x1, y)), (start_s + 9, there),
        )  # fmt: skip

    ways = [unseen_at_first(GETS_UP_S, 0, 2), walks(GETS_UP_S + 2, 2, 0), sits(1), sits(3)]
    [(at, *seats)] = seat_changes(play(ways))
    assert seats == ["A1", "A3"]
    assert at - (GETS_UP_S + 12) <= 60


def test_what_one_of_two_cameras_saw_holds_for_the_room():
    """The second camera is blind for walkers: to it both heads just went down for a while."""
    unseen = [("cam-2", GETS_UP_S, GETS_UP_S + 13)]
    rows = play(swap(walks, aisle_y=AISLE_Y), cameras=("cam-1", "cam-2"), unseen=unseen)
    check_swap(rows)


def test_who_sits_down_at_an_absent_students_seat_does_not_become_the_absent_student():
    rows = play([walks(GETS_UP_S, 0, 4), sits(1), sits(2)], fps=10)
    assert [seats for _, *seats in seat_changes(rows)] == [["A1", "A5"]]
    by_seat, anonymous = presence(rows)
    assert "A5" not in by_seat
    [[(start, end)]] = anonymous
    assert start < GETS_UP_S + 50
    assert end >= 159


def test_somebody_at_an_absent_students_seat_may_be_who_got_up_just_before():
    rows = play([hidden(SETTLED_S + 10, 0, 4), sits(1)], length_s=SETTLED_S + 80)
    assert [seats for _, *seats in seat_changes(rows)] == [["A1", "A5"]]
    assert sorted(presence(rows)[0]) == ["A1", "A2"]


def test_while_a_class_still_arrives_nobody_who_sits_down_is_suspected():
    late = along((0, None), (75, 4))
    errand = along((0, 0), (60, 0), (62, (centre(0)[0], 0.45)), (63, None))
    assert seat_changes(play([errand, sits(1), late])) == []


def test_who_presents_at_the_board_is_out_of_the_seat_and_not_inattentive():
    """Gets up in the second second of a window, is seen at the front for a minute, comes back."""
    board, up = (0.5, 0.93), (centre(0)[0], 0.93)
    presents = along((0, 0), (51, 0), (54, up), (60, board), (110, board), (116, up), (119, 0))
    rows = play([presents, sits(1), sits(2)], length_s=170)
    by_seat, anonymous = presence(rows)
    (_, end), (start, _) = by_seat["A1"]
    assert end <= 53
    assert start >= 119
    assert anonymous == []
    student = min(
        r.participation_id for r in rows if isinstance(r, ParticipationRow) and r.seat == "A1"
    )
    windows = {
        row.window_start - START: row
        for row in rows
        if isinstance(row, AttentionWindowRow) and row.participation_id == student
    }
    assert (windows[50].score, windows[50].missing_reason) == (None, Reason.OUT_OF_SEAT)
    assert not any(60 <= begin < 110 for begin in windows)


def test_who_comes_back_to_the_own_seat_is_the_same_student():
    there, back = 30, 60
    (x, y) = centre(0)
    errand = along(
        (0, 0), (there, 0), (there + 5, (x, 0.75)), (back, (x, 0.75)), (back + 5, (x, y))
    )
    rows = play([errand, sits(1), sits(2)])
    assert seat_changes(rows) == []
    by_seat, anonymous = presence(rows)
    assert anonymous == []
    assert len(by_seat["A1"]) == 2


def test_one_who_was_away_alone_is_believed_to_be_back_though_unseen_on_the_way():
    (x, y) = centre(0)
    errand = along((0, 0), (60, 0), (62, (x, y + 0.15)), (63, None), (90, 0))
    rows = play([errand, sits(1), sits(2)])
    assert seat_changes(rows) == []
    assert presence(rows)[1] == []


def test_three_who_rotate_are_all_anonymous():
    ways = [
        walks(GETS_UP_S, 0, 1, 0.95),
        walks(GETS_UP_S + 1, 1, 2, 0.88),
        walks(GETS_UP_S + 2, 2, 0, 0.8),
        sits(3),
    ]
    rows = play(ways)
    assert {seat for _, *seats in seat_changes(rows) for seat in seats} == {"A1", "A2", "A3"}
    by_seat, anonymous = presence(rows)
    assert len(anonymous) == 3
    assert all(last_second(by_seat[seat]) < GETS_UP_S + 10 for seat in ("A1", "A2", "A3"))


def test_a_latecomer_at_the_own_seat_and_a_passer_by_change_nothing():
    late = along((0, None), (50, (0.02, 0.95)), (56, (centre(4)[0], 0.95)), (60, 4))
    passer = along((0, None), (70, (0.0, 0.33)), (84, (1.0, 0.33)), (85, None))
    rows = play([sits(0), sits(1), late, passer])
    assert seat_changes(rows) == []
    by_seat, anonymous = presence(rows)
    assert sorted(by_seat) == ["A1", "A2", "A5"]
    assert anonymous == []


def test_a_confirmation_gives_the_seats_their_names_back():
    confirmed = SeatsConfirmed(room_id="room-1", at=(START + 130) * NS)
    rows = play(swap(walks, aisle_y=AISLE_Y), more=[(130.0, confirmed)])
    by_seat, anonymous = presence(rows)
    assert by_seat["A1"][-1] == (130, 160)
    assert by_seat["A3"][-1] == (130, 160)
    assert [last_second(ranges) for ranges in anonymous] == [130, 130]


@pytest.mark.parametrize("cut", [70, 100, 110])
def test_a_restart_in_the_middle_of_a_swap_changes_no_row(cut):
    rows = play(swap(walks, aisle_y=AISLE_Y))
    again = play_with_restart(swap(walks, aisle_y=AISLE_Y), cut)
    assert again == [row for row in rows if not isinstance(row, MeetingSummaryRow)][: len(again)]


def play_with_restart(ways, cut_s):
    def scene(t, _camera):
        return [face(*at) for way in ways if (at := way(t)) is not None]

    room, rows = Room.new("room-1"), []
    cut_ms = (START + cut_s) * 1000
    for entry_id, message in entries(timed_log(plan(seats=6), 160, scene)):
        if int(entry_id.split("-")[0]) >= cut_ms:
            room, cut_ms = Room.restore(room.snapshot()), float("inf")
        rows += room.feed(entry_id, message)
    return rows


def test_a_leaning_neighbour_makes_seconds_ambiguous():
    """Of A2, over A1's desk."""
    (x, y) = centre(1)
    near = (centre(0)[0] + 0.01, y + 0.04)
    leans = along((0, 1), (60, 1), (61, near), (72, near), (73, (x, y)))
    rows = play([sits(0), leans, sits(2)])
    [summary] = [row for row in rows if isinstance(row, MeetingSummaryRow)]
    assert 4 <= summary.ambiguous_s <= 12
    calm = play([sits(0), sits(1), sits(2)], length_s=60)
    assert [r.ambiguous_s for r in calm if isinstance(r, MeetingSummaryRow)] == [0]


def sighting(sight):
    return Sighting(
        camera_id="cam", sight=int(sight), analysed=True, down=False, faces=[], views=None,
        view=-1, direction=None,
    )  # fmt: skip


def take(changes, second, seat, origin, **held):
    """Somebody locks a seat while others are held like this."""
    sightings = {label: [sighting(sight) for sight in sights] for label, sights in held.items()}
    news = {seat: [News(arrival=Arrival(origin=origin, since=second - 30, locked=True))]}
    return changes.follow(second, 0, sightings, news)


def test_a_track_that_was_exchanged_is_not_believed_while_a_camera_sees_its_student_sit():
    changes = SeatChanges()
    assert take(changes, 100, "A2", "A1", A1=[Sight.OUT, Sight.SEEN], A2=[Sight.SEEN]) == []
    assert changes.mistaken == ["A2"]
    assert changes.anonymous == {}


def test_a_track_is_believed_when_its_student_was_seen_to_leave_by_all():
    changes = SeatChanges()
    changes.follow(60, 0, {"A1": [sighting(Sight.OUT), sighting(Sight.LOST)]}, {})
    assert take(changes, 95, "A1", "", A1=[Sight.SEEN]) == []
    assert take(changes, 100, "A2", "A1", A1=[Sight.SEEN], A2=[Sight.SEEN]) == [("A1", "A2")]
    assert set(changes.anonymous) == {"A1", "A2"}
    assert changes.mistaken == []


def test_a_pair_of_seats_is_told_once():
    changes = SeatChanges()
    assert take(changes, 100, "A2", "A1", A2=[Sight.SEEN]) == [("A1", "A2")]
    assert take(changes, 120, "A1", "A2", A1=[Sight.SEEN]) == []


def out(*seats):
    return {seat: [sighting(Sight.OUT)] for seat in seats}


def seen(*seats):
    return {seat: [sighting(Sight.SEEN)] for seat in seats}


def test_a_track_that_comes_back_proves_nothing_while_another_student_is_away():
    """The two met unseen, and the track of A1 went over to A2's student, who sits down in A1."""
    changes = SeatChanges()
    changes.follow(100, 0, out("A1") | seen("A2"), {})
    changes.follow(102, 0, out("A1", "A2"), {})
    assert changes.follow(112, 0, seen("A1") | out("A2"), {}) == []
    comes = News(arrival=Arrival(origin="", since=114, locked=False))
    assert changes.follow(124, 0, seen("A1") | out("A2"), {"A2": [comes]}) == [("A1", "A2")]


def test_one_who_only_leaned_out_meanwhile_is_not_suspected():
    changes = SeatChanges()
    changes.follow(100, 0, out("A1", "A2"), {})
    changes.follow(103, 0, seen("A1") | out("A2"), {})
    comes = News(arrival=Arrival(origin="", since=110, locked=True))
    assert changes.follow(140, 0, seen("A1", "A2"), {"A2": [comes]}) == []
