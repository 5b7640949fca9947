"""Pseudonymous students: a seat of a class is one student, until the class sits anew."""

import datetime as dt
import functools
from zoneinfo import ZoneInfo

import msgspec
import pytest

from aggregator.meetings import hash_id
from aggregator.plan import says_the_same
from aggregator.room import Room
from aggregator.rows import ParticipationRow, ParticipationSummaryRow, StudentRow
from aggregator.students import seating_in_force
from schemas.messages import Tick
from schemas.policy import resolve
from schemas.room_plan import Lesson, SeatedStudent, Seating
from tests.unit.room_log import START, classroom, entries, plan, timed_log

ZONE = ZoneInfo("Europe/Amsterdam")
LOCAL = dt.datetime.fromtimestamp(START, ZONE)


def lesson(class_id="3b"):
    """From the log's first minute on, for two minutes."""
    return Lesson(
        rule_id="r1",
        weekdays=(LOCAL.weekday(),),
        start=f"{LOCAL:%H:%M}",
        end=f"{LOCAL + dt.timedelta(minutes=2):%H:%M}",
        class_id=class_id,
    )


@functools.cache
def rows_of(room_plan):
    room, rows = Room.new("room-1"), []
    timed = timed_log(room_plan, 70, classroom())
    timed += [(float(at), Tick(room_id="room-1")) for at in range(75, 140, 5)]
    for entry_id, message in entries(timed):
        rows += room.feed(entry_id, message)
    return rows


def students_of(room_plan):
    """Ids in students, participations and summaries."""
    rows = rows_of(room_plan)
    return [
        sorted(row.student_id or 0 for row in rows if isinstance(row, kind))
        for kind in (StudentRow, ParticipationRow, ParticipationSummaryRow)
    ]


def planned(**changes):
    return msgspec.structs.replace(plan(lessons=(lesson(),)), **changes)


def test_every_seat_of_a_class_is_a_student_of_its_own_in_all_rows():
    students, participations, summaries = students_of(planned())
    expected = sorted(hash_id("school", "3b", "room-1", f"A{i}", "") for i in range(1, 7))
    assert students == summaries == expected
    assert sorted(set(participations)) == expected
    assert len(participations) == 12  # once as it opens, once complete


def test_a_student_row_stands_before_the_participation_that_names_it():
    seen = set()
    for row in rows_of(planned()):
        if isinstance(row, StudentRow):
            seen.add(row.student_id)
        elif isinstance(row, ParticipationRow):
            assert row.student_id in seen


def test_a_class_that_sits_anew_is_of_other_students():
    today, tomorrow = LOCAL.date(), LOCAL.date() + dt.timedelta(days=1)
    of_old = students_of(planned())[0]
    later = Seating(class_id="3b", valid_from=tomorrow.isoformat())
    assert students_of(planned(seatings=(later,)))[0] == of_old
    now = Seating(class_id="3b", valid_from=today.isoformat())
    of_now = students_of(planned(seatings=(now, later)))[0]
    assert len(of_now) == 6
    assert not set(of_now) & set(of_old)
    other = Seating(class_id="4a", valid_from=today.isoformat())
    assert students_of(planned(seatings=(other,)))[0] == of_old


def test_the_seating_is_that_of_the_meetings_local_day():
    """23:30 UTC is the next day in Amsterdam."""
    room = Room.new("room-1")
    late = planned(
        seatings=(
            Seating(class_id="3b", valid_from="2026-03-01"),
            Seating(class_id="3b", valid_from="2026-03-03"),
        )
    )
    for entry_id, message in entries(timed_log(planned(), 10, classroom())):
        room.feed(entry_id, message)
    meeting = room.state.meeting
    at = int(dt.datetime(2026, 3, 2, 23, 30, tzinfo=dt.UTC).timestamp())
    assert seating_in_force(msgspec.structs.replace(meeting, planned=(at, at + 60)), late) == (
        "2026-03-03"
    )
    noon = at - 12 * 3600
    assert seating_in_force(msgspec.structs.replace(meeting, planned=(noon, at)), late) == (
        "2026-03-01"
    )


@pytest.mark.parametrize(
    "room_plan",
    [
        plan(),  # no timetable, so no class
        planned(lessons=(lesson(class_id=""),)),
        plan(lessons=(lesson(),), policy=resolve("eu")),
    ],
    ids=["no timetable", "a lesson of no class", "policy without figures of students"],
)
def test_where_nobody_can_be_told_again_there_is_no_student(room_plan):
    students, participations, summaries = students_of(room_plan)
    assert students == []
    assert set(participations) | set(summaries) <= {0}


def seated(seat, student, since=0, until=None, class_id="3b"):
    return SeatedStudent(
        class_id=class_id, seat=seat, student_id=student, valid_from=since, valid_until=until
    )


def of_seats(*labels):
    return {hash_id("school", "3b", "room-1", label, "") for label in labels}


def test_a_seat_that_the_roster_knows_is_its_students_in_all_rows():
    entries_ = (seated("A2", 71), seated("A4", 72, since=START, until=START + 1))
    students, participations, summaries = students_of(planned(seated=entries_))
    expected = sorted({71, 72} | of_seats("A1", "A3", "A5", "A6"))
    assert students == summaries == expected
    assert sorted(set(participations)) == expected


@pytest.mark.parametrize(
    "entry",
    [
        seated("A2", 71, since=START + 1),  # from the next second on
        seated("A2", 71, until=START),  # until the second before
        seated("A2", 71, class_id="4c"),
        seated("B9", 71),
    ],
)
def test_a_seating_that_did_not_hold_when_the_lesson_began_links_nobody(entry):
    students, _, _ = students_of(planned(seated=(entry,)))
    assert set(students) == of_seats(*(f"A{i}" for i in range(1, 7)))


def test_one_student_is_not_linked_to_two_seats_of_a_lesson():
    students, participations, _ = students_of(planned(seated=(seated("A2", 71), seated("A3", 71))))
    assert students.count(71) == 1
    assert len(set(participations)) == 6


def test_where_policy_has_no_students_the_roster_links_nobody():
    students, participations, _ = students_of(
        planned(policy=resolve("eu"), seated=(seated("A2", 71),))
    )
    assert (students, participations) == ([], [])


def test_a_plan_of_an_older_program_has_no_roster_and_a_state_with_one_is_read_by_it():
    room_plan = planned(seated=(seated("A2", 71),))
    wire = msgspec.msgpack.decode(msgspec.msgpack.encode(room_plan))
    assert wire["seated"] == [{"class_id": "3b", "seat": "A2", "student_id": 71}]
    del wire["seated"]
    assert msgspec.convert(wire, type(room_plan)) == planned()
    assert not says_the_same(room_plan, planned())
    assert says_the_same(room_plan, msgspec.structs.replace(room_plan, at=1))
