"""Seat plans with days: the local day on which a meeting began decides."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from aggregator.room import Room
from aggregator.rows import ParticipationRow
from aggregator.seat_plans import local_day, plan_in_force
from schemas.room_plan import DatedSeats, SeatPlan
from tests.unit import room_log
from tests.unit.room_log import FRONT, centre, classroom, entries, plan, square, timed_log

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def seats(*labels):
    return tuple(
        SeatPlan(label=label, polygon=square(*centre(i)), calibration=FRONT)
        for i, label in enumerate(labels)
    )


def dated(*plans):
    """A room whose only camera has these plans besides its `seats`: (day, labels)."""
    room = plan(seats=2)
    seat_plans = tuple(DatedSeats(valid_from=day, seats=seats(*labels)) for day, labels in plans)
    camera = structs.replace(room.cameras[0], seats=seats("A1", "A2"), seat_plans=seat_plans)
    return structs.replace(room, cameras=(camera,))


def second(*when):
    return int(dt.datetime(*when, tzinfo=AMSTERDAM).timestamp())


def labels_at(room, at):
    return [seat.label for seat in plan_in_force(room, at).cameras[0].seats]


SPRING = dated(("2027-03-01", ("B1", "B2")), ("2027-03-28", ()), ("2027-05-01", ("C1",)))


@pytest.mark.parametrize(
    ("when", "labels"),
    [
        ((2027, 2, 28, 23, 59, 59), ["A1", "A2"]),
        ((2027, 3, 1, 0, 0, 0), ["B1", "B2"]),
        ((2027, 3, 27, 23, 59, 59), ["B1", "B2"]),
        ((2027, 3, 28, 0, 0, 0), []),  # the night in which summer time begins
        ((2027, 4, 30, 23, 59, 59), []),
        ((2027, 5, 1, 0, 0, 0), ["C1"]),
    ],
)
def test_a_plan_holds_from_the_local_midnight_of_its_day_on(when, labels):
    assert labels_at(SPRING, second(*when)) == labels


def test_a_room_without_dated_plans_keeps_the_very_same_plan():
    room = plan()
    assert plan_in_force(room, second(2027, 3, 1)) is room


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"])
def test_the_day_is_the_zones_own_whatever_its_offset(zone):
    start = second(2027, 4, 3)
    for at in range(start, start + 3 * 86400, 301):
        assert local_day(zone, at) == str(dt.datetime.fromtimestamp(at, ZoneInfo(zone)).date())


def seats_of_meeting(begins, length_s, monkeypatch):
    monkeypatch.setattr(room_log, "START", begins)
    room_plan = structs.replace(dated(("2027-03-01", ("B1", "B2"))), at=begins * room_log.NS)
    room, rows = Room.new("room-1"), []
    for entry_id, message in entries(timed_log(room_plan, length_s, classroom(2))):
        rows += room.feed(entry_id, message)
    return {row.seat for row in rows if isinstance(row, ParticipationRow)}


def test_the_first_meeting_of_the_day_has_the_new_plan(monkeypatch):
    assert seats_of_meeting(second(2027, 3, 1), 60, monkeypatch) == {"B1", "B2"}


def test_a_meeting_that_runs_past_midnight_keeps_the_plan_it_began_with(monkeypatch):
    assert seats_of_meeting(second(2027, 2, 28, 23, 59), 120, monkeypatch) == {"A1", "A2"}
