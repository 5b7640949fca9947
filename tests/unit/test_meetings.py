"""The timetable in local time, across changes of the clocks; natural keys."""

import datetime as dt

from aggregator.meetings import (
    hash_id,
    next_planned_start,
    occurrences,
    planned_at,
)
from schemas.messages import Lesson

ZONE = "Europe/Amsterdam"


def at(text):
    return int(dt.datetime.fromisoformat(text).timestamp())


def lesson(rule_id="maths", start="08:30", end="09:20", **changes):
    return Lesson(rule_id=rule_id, weekdays=(0, 1, 2, 3, 4), start=start, end=end, **changes)


def test_a_lesson_is_held_at_the_same_local_time_in_summer_and_winter():
    summer = planned_at([lesson()], ZONE, at("2026-10-23T06:45:00+00:00"))
    winter = planned_at([lesson()], ZONE, at("2026-10-26T07:45:00+00:00"))
    assert summer is not None
    assert winter is not None
    assert summer.source_key == "site:maths:2026-10-23T06:30:00Z"
    assert winter.source_key == "site:maths:2026-10-26T07:30:00Z"


def test_the_end_is_not_part_of_the_lesson():
    assert planned_at([lesson()], ZONE, at("2026-11-18T09:20:00+01:00")) is None
    assert planned_at([lesson()], ZONE, at("2026-11-18T09:19:59+01:00")) is not None


def test_weekends_and_days_outside_of_the_validity_are_free():
    term = lesson(valid_from="2026-11-02", valid_until="2026-11-20")
    days = ["2026-10-30", "2026-11-02", "2026-11-20", "2026-11-21", "2026-11-23"]
    held = [bool(occurrences([term], ZONE, at(f"{day}T12:00:00+01:00"))) for day in days]
    assert held == [False, True, True, False, False]


def test_of_overlapping_lessons_the_one_that_began_last_is_held():
    both = [lesson("long", end="12:00"), lesson("short", start="09:00", end="09:30")]
    planned = planned_at(both, ZONE, at("2026-11-18T09:10:00+01:00"))
    assert planned is not None
    assert planned.rule_id == "short"


def test_the_next_lesson_is_found_over_a_weekend():
    friday, tuesday = at("2026-11-20T12:00:00+01:00"), at("2026-11-24T12:00:00+01:00")
    assert next_planned_start([lesson()], ZONE, friday, tuesday) == at("2026-11-23T08:30:00+01:00")
    assert next_planned_start([], ZONE, friday, tuesday) is None


def test_ids_are_63_bits_of_the_natural_key():
    assert hash_id("school", "room-1", "auto:x") == hash_id("school", "room-1", "auto:x")
    assert hash_id("school", "room-1", "auto:x") != hash_id("school", "room-2", "auto:x")
    assert 0 <= hash_id("a", 1) < 2**63
