"""Lessons in local time, across changes of the clocks, over midnight, and over each other."""

import datetime as dt

import msgspec
import pytest

from aggregator.timetable import Timetable
from schemas.room_plan import Lesson, Occurrence
from tests.unit import room_log

DAILY = tuple(range(7))
WORKDAYS = DAILY[:5]


def at(text):
    return int(dt.datetime.fromisoformat(text).timestamp())


def lesson(rule_id="maths", start="08:30", end="09:20", weekdays=WORKDAYS, **changes):
    return Lesson(rule_id=rule_id, weekdays=weekdays, start=start, end=end, **changes)


def occurrence(key, start, end, class_id="7b"):
    return Occurrence(source_key=f"ical:{key}", start=at(start), end=at(end), class_id=class_id)


def timetable(*parts, zone="Europe/Amsterdam", follows=False):
    plan = room_log.plan()
    return Timetable(
        msgspec.structs.replace(
            plan,
            time_zone=zone,
            lessons=tuple(part for part in parts if isinstance(part, Lesson)),
            occurrences=tuple(part for part in parts if isinstance(part, Occurrence)),
            follows_calendar=follows,
        )
    )


def held(table, text):
    planned = table.at(at(text))
    return planned and planned.source_key


def span(table, text):
    planned = table.at(at(text))
    return planned and (planned.start, planned.end)


def test_a_lesson_is_held_at_the_same_local_time_in_summer_and_winter():
    table = timetable(lesson())
    assert held(table, "2026-10-23T06:45:00+00:00") == "site:maths:2026-10-23T06:30:00Z"
    assert held(table, "2026-10-26T07:45:00+00:00") == "site:maths:2026-10-26T07:30:00Z"


def test_the_end_is_not_part_of_the_lesson():
    table = timetable(lesson())
    assert held(table, "2026-11-18T09:20:00+01:00") is None
    assert held(table, "2026-11-18T09:19:59+01:00") is not None


def test_weekends_and_days_outside_of_the_validity_are_free():
    table = timetable(lesson(valid_from="2026-11-02", valid_until="2026-11-20"))
    days = ["2026-10-30", "2026-11-02", "2026-11-20", "2026-11-21", "2026-11-23"]
    assert [bool(held(table, f"{day}T09:00:00+01:00")) for day in days] == [
        False, True, True, False, False,
    ]  # fmt: skip


def test_a_lesson_in_the_hour_that_the_clocks_skip_is_held_after_it():
    """2027-03-28, 02:00 is 03:00: by the offset before the gap 02:15 is 03:15."""
    table = timetable(lesson(start="02:15", end="02:45", weekdays=DAILY))
    start = at("2027-03-28T03:15:00+02:00")
    assert span(table, "2027-03-28T03:20:00+02:00") == (start, start + 1800)


def test_a_lesson_whose_start_is_skipped_keeps_its_length():
    table = timetable(lesson(start="02:30", end="03:15", weekdays=DAILY))
    start = at("2027-03-28T03:30:00+02:00")
    assert span(table, "2027-03-28T03:40:00+02:00") == (start, start + 45 * 60)


def test_a_lesson_in_the_hour_that_comes_twice_is_held_once_the_first_time():
    table = timetable(lesson(start="02:15", end="02:45", weekdays=DAILY))
    first = at("2026-10-25T02:15:00+02:00")
    assert span(table, "2026-10-25T02:20:00+02:00") == (first, first + 1800)
    assert held(table, "2026-10-25T02:20:00+01:00") is None


def test_a_lesson_over_the_change_of_the_clocks_is_as_long_as_the_clocks_say():
    table = timetable(lesson(start="01:30", end="03:30", weekdays=DAILY))
    start, end = span(table, "2026-10-25T02:30:00+01:00")
    assert end - start == 3 * 3600
    start, end = span(table, "2027-03-28T03:10:00+02:00")
    assert end - start == 3600


@pytest.mark.parametrize("zone", ["Africa/Cairo", "America/Havana"])
def test_where_midnight_itself_is_skipped_every_day_has_its_lessons(zone):
    table = timetable(lesson(weekdays=DAILY), zone=zone)
    begin = at("2027-01-01T00:00:00+00:00")
    starts, second = [], begin
    while (start := table.next_start(second, begin + 365 * 86_400)) is not None:
        starts.append(start)
        second = start + 1
    assert 364 <= len(starts) <= 366
    assert all(table.at(start).start == start for start in starts)


def test_of_overlapping_lessons_the_one_that_began_last_is_held():
    table = timetable(lesson("long", end="12:00"), lesson("short", start="09:00", end="09:30"))
    day = "2026-11-18T"
    assert "long" in held(table, day + "08:59:59+01:00")
    assert "short" in held(table, day + "09:00:00+01:00")


def test_a_lesson_ends_where_the_next_one_begins_and_knows_it_from_its_start():
    table = timetable(lesson("long", end="12:00"), lesson("short", start="09:00", end="09:30"))
    long = table.at(at("2026-11-18T08:30:00+01:00"))
    assert long.end == at("2026-11-18T09:00:00+01:00")


def test_of_lessons_that_begin_together_the_same_one_is_always_held():
    both = [lesson("b"), occurrence("a", "2026-11-18T08:30+01:00", "2026-11-18T10:00+01:00")]
    for order in (both, both[::-1]):
        table = timetable(*order)
        assert held(table, "2026-11-18T08:40:00+01:00") == "site:b:2026-11-18T07:30:00Z"


def test_a_calendars_lesson_over_midnight_is_one_lesson():
    table = timetable(occurrence("night", "2026-11-18T23:30+01:00", "2026-11-19T00:30+01:00"))
    assert held(table, "2026-11-18T23:59:59+01:00") == "ical:night"
    assert held(table, "2026-11-19T00:29:59+01:00") == "ical:night"
    assert held(table, "2026-11-19T00:30:00+01:00") is None


def test_a_lesson_over_midnight_ends_where_one_of_the_next_day_begins():
    table = timetable(
        occurrence("night", "2026-11-18T23:30+01:00", "2026-11-19T01:30+01:00"),
        lesson("early", start="01:00", end="02:00", weekdays=DAILY),
    )
    assert table.at(at("2026-11-18T23:30:00+01:00")).end == at("2026-11-19T01:00:00+01:00")


def test_the_next_lesson_is_found_over_a_weekend_and_in_calendars():
    friday, tuesday = at("2026-11-20T12:00:00+01:00"), at("2026-11-24T12:00:00+01:00")
    monday = at("2026-11-23T08:30:00+01:00")
    sunday = occurrence("fair", "2026-11-22T10:00+01:00", "2026-11-22T11:00+01:00")
    assert timetable(lesson()).next_start(friday, tuesday) == monday
    assert timetable(lesson(), sunday).next_start(friday, tuesday) == sunday.start
    assert timetable(sunday).next_start(sunday.start + 1, tuesday) is None
    assert timetable().next_start(friday, tuesday) is None


def test_a_calendar_without_lessons_still_decides():
    assert timetable(follows=True).decides
    assert timetable(lesson()).decides
    assert not timetable().decides
