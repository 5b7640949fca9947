"""Seats that nobody drew: named once from the front, and the same from lesson to lesson."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from aggregator.claims import Claim
from aggregator.places import Place, Stay
from aggregator.proposals import MAX_SEATS, Proposals
from aggregator.room import Room
from aggregator.rows import EventRow, ParticipationRow, SeatRow
from schemas.messages import SeatsConfirmed, Tick
from schemas.policy import resolve
from tests.unit.room_log import NS, START, entries, face, plan, timed_log

FACE_W, FACE_H = 0.04, 0.08
CLASS = [(0.2 + 0.15 * column, 0.8 - 0.2 * row) for row in range(3) for column in range(4)]
LABELS = [f"{letter}{number}" for letter in "ABC" for number in range(1, 5)]


def place(number, x, y, *, stayed_s=600, w=FACE_W, h=FACE_H):
    return Place(
        number=number, claim=Claim(locked=True), x=x, y=y, w=w, h=h, home_x=x, home_y=y,
        face_x=x, face_y=y, stay=Stay(x=x, y=y, best_s=stayed_s, now_x=x, now_y=y, now_s=stayed_s),
    )  # fmt: skip


def learnt(spots, camera="cam-1", proposals=None):
    proposals = proposals or Proposals()
    proposals.learn(camera, [place(n, *spot) for n, spot in enumerate(spots, 1)])
    return proposals


def seats(proposals, camera="cam-1"):
    return {seat.label: (round(seat.x, 3), round(seat.y, 3)) for seat in proposals.cameras[camera]}


def test_rows_have_letters_from_the_front_and_numbers_from_the_left():
    proposals = learnt(list(reversed(CLASS)))
    assert seats(proposals) == {
        label: (round(x, 3), round(y, 3)) for label, (x, y) in zip(LABELS, CLASS, strict=True)
    }


JITTER = st.floats(-0.5, 0.5)
LESSON = st.lists(
    st.tuples(st.integers(0, len(CLASS) - 1), JITTER, JITTER),
    min_size=1, max_size=len(CLASS), unique_by=lambda who: who[0],
)  # fmt: skip


@given(st.lists(LESSON, min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_whoever_is_absent_and_wherever_they_lean_every_seat_keeps_its_name(lessons):
    """Up to half a face to every side, in any order, any of them absent."""
    proposals = learnt(CLASS)
    for lesson in lessons:
        spots = [(CLASS[i][0] + dx * FACE_W, CLASS[i][1] + dy * FACE_H) for i, dx, dy in lesson]
        proposals.learn("cam-1", [place(n, *spot) for n, spot in enumerate(spots, 1)])
        taken = {seat.label for seat in proposals.cameras["cam-1"] if not seat.missed}
        assert taken == {LABELS[i] for i, _, _ in lesson}
    for (x, y), seat in zip(CLASS, proposals.cameras["cam-1"], strict=True):
        assert seat.distance(x, y) < 1.0


def test_a_new_seat_gets_the_next_free_name_of_its_row_and_nobody_is_renamed():
    proposals = learnt(CLASS)
    before = seats(proposals)
    learnt([*CLASS[:6], (0.05, 0.6), (0.5, 0.15)], proposals=proposals)
    after = seats(proposals)
    assert {label: after[label] for label in before} == before
    assert sorted(after.keys() - before.keys()) == ["B5", "D1"]


def test_a_second_camera_goes_on_with_further_letters():
    proposals = learnt(CLASS)
    learnt(CLASS[:4], "cam-2", proposals)
    assert sorted(seats(proposals, "cam-2")) == ["D1", "D2", "D3", "D4"]
    assert len(set(proposals.labels)) == 16


def test_who_only_stood_somewhere_for_a_while_makes_no_seat():
    proposals = Proposals()
    proposals.learn("cam-1", [place(1, 0.5, 0.5, stayed_s=59)])
    assert proposals.labels == []


def test_two_who_sat_on_one_seat_one_after_the_other_make_one():
    assert learnt([(0.5, 0.5), (0.51, 0.52)]).labels == ["A1"]


def test_there_are_never_more_seats_than_a_room_may_have():
    spots = [(0.01 * i, 0.05 + 0.09 * row) for row in range(10) for i in range(1, 30)]
    proposals = Proposals()
    for _ in range(12):
        proposals.learn(
            "cam-1", [place(n, x, y, w=0.005) for n, (x, y) in enumerate(spots[:250], 1)]
        )
    assert len(proposals.labels) == MAX_SEATS
    for _ in range(12):
        proposals.learn("cam-1", [place(1, *spots[-1], w=0.005)])
    assert len(proposals.labels) == MAX_SEATS
    [newest] = [seat for seat in proposals.cameras["cam-1"] if seat.missed == 0]
    assert newest.label not in learnt(spots[:200]).labels


def test_labels_are_unique_and_survive_a_snapshot():
    proposals = learnt(CLASS)
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(proposals), type=Proposals)
    assert again == proposals


# --- in a room ------------------------------------------------------------------------------------

SPOTS = [(0.2, 0.7), (0.4, 0.7), (0.6, 0.7), (0.3, 0.4)]
NAMES = ["A1", "A2", "A3", "B1"]
BREAK_S = 700  # long enough to end a meeting that presence opened
FILM_S = 120


def no_plan(policy=None):
    undrawn = plan(drawn=False, policy=policy)
    return structs.replace(undrawn, cameras=undrawn.cameras[:1])


def lessons(*scenes, policy=None, length_s=FILM_S, more=()):
    """The room and all rows of some meetings, one after the other."""
    timed = []
    for n, scene in enumerate(scenes):
        begin = n * (length_s + BREAK_S)
        film = timed_log(no_plan(policy), length_s, scene)
        timed += [(at + begin, _later(message, begin, n)) for at, message in film]
        silent = range(length_s + 1, length_s + BREAK_S, 5)
        timed += [(float(begin + s), Tick(room_id="room-1")) for s in silent]
    room, rows = Room.new("room-1"), []
    for entry_id, message in entries(sorted([*timed, *more], key=lambda pair: pair[0])):
        rows.append((message, room.feed(entry_id, message)))
    return room, [row for _, each in rows for row in each]


def _later(message, begin_s, epoch):
    changes = {
        name: getattr(message, name) + begin_s * NS
        for name in ("at", "captured_at", "analysed_at")
        if hasattr(message, name)
    }
    if hasattr(message, "epoch"):
        changes["epoch"] = f"e{epoch}"
    return structs.replace(message, **changes)


def sitting(*people):
    return lambda _t, _camera: [face(*at) for at in people]


def people_of(rows, meeting):
    ids = list(dict.fromkeys(row.meeting_id for row in rows if isinstance(row, ParticipationRow)))
    return [
        (row.seat, row.identity_source)
        for row in rows
        if isinstance(row, ParticipationRow)
        and row.meeting_id == ids[meeting]
        and row.present is None
    ]


def test_in_the_second_meeting_the_places_of_the_first_are_seats():
    shifted = [(x + 0.02, y - 0.03) for x, y in SPOTS]
    _, rows = lessons(sitting(*SPOTS), sitting(*reversed(shifted)))
    assert people_of(rows, 0) == [("", "anonymous")] * 4
    assert sorted(people_of(rows, 1)) == [(label, "seat") for label in NAMES]
    assert sorted(row.seat for row in rows if isinstance(row, SeatRow)) == NAMES


def test_with_somebody_absent_and_somebody_new_the_others_are_who_they_were():
    stranger = (0.8, 0.7)
    _, rows = lessons(sitting(*SPOTS), sitting(SPOTS[2], stranger, SPOTS[3]))
    assert sorted(people_of(rows, 1)) == [("", "anonymous"), ("A3", "seat"), ("B1", "seat")]


def test_a_poster_never_becomes_a_place():
    poster = structs.replace(face(0.8, 0.2), static=True)

    def scene(t, _camera):
        picture = poster if t > 60 else structs.replace(poster, static=False)
        return [*(face(*at) for at in SPOTS), picture]

    room, _ = lessons(scene)
    assert room.state.proposals.labels == NAMES


def test_where_policy_has_no_figures_of_students_no_seat_is_learnt():
    room, rows = lessons(sitting(*SPOTS), sitting(*SPOTS), policy=resolve("eu"))
    assert room.state.proposals == Proposals()
    assert not any(isinstance(row, SeatRow) for row in rows)


def test_a_plan_that_is_drawn_later_leaves_the_proposals_alone():
    room, _ = lessons(sitting(*SPOTS))
    drawn = structs.replace(plan(), at=(START + 5000) * NS)
    room.feed(f"{(START + 5000) * 1000}-0", drawn)
    room.feed(f"{(START + 5020) * 1000}-0", Tick(room_id="room-1"))
    assert room.state.plan is drawn
    assert room.state.proposals.labels == NAMES


def moving(start_s, here, there, length_s=30.0):
    def at(t):
        share = min(max((t - start_s) / length_s, 0.0), 1.0)
        return tuple(a + share * (b - a) for a, b in zip(here, there, strict=True))

    return at


def test_who_moves_to_another_seat_in_a_room_without_a_plan_has_no_seat_any_more():
    way = moving(80.0, SPOTS[0], (0.3, 0.4))

    def second_lesson(t, _camera):
        return [face(*way(t)), face(*SPOTS[1]), face(*SPOTS[2])]

    _, rows = lessons(sitting(*SPOTS), second_lesson, length_s=170)
    [event] = [row for row in rows if isinstance(row, EventRow)]
    assert (event.kind, event.payload) == ("seat_change", {"seats": ["A1", "B1"]})
    assert sorted(people_of(rows, 1)) == [
        ("", "anonymous"), ("A1", "seat"), ("A2", "seat"), ("A3", "seat"),
    ]  # fmt: skip


def test_a_confirmation_looks_for_the_seats_anew():
    """Whoever moved to B1 is B1's student then."""
    way = moving(80.0, SPOTS[0], SPOTS[3])
    at = 170 + BREAK_S + 150
    confirmed = SeatsConfirmed(room_id="room-1", at=(START + at) * NS)
    _, rows = lessons(
        sitting(*SPOTS),
        lambda t, _camera: [face(*way(t)), face(*SPOTS[1])],
        length_s=170,
        more=[(float(at), confirmed)],
    )
    assert [row.payload["seats"] for row in rows if isinstance(row, EventRow)] == [["A1", "B1"]]
    assert sorted(people_of(rows, 1)) == [
        ("", "anonymous"), ("A1", "seat"), ("A2", "seat"), ("B1", "seat"),
    ]  # fmt: skip
