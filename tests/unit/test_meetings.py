"""Natural keys of meetings and ids made of them."""

import pytest

from aggregator.meetings import hash_id, ical_parts, planned_key

MONDAY = 1_795_000_200 // 60 * 60


def test_ids_are_63_bits_of_the_natural_key():
    assert hash_id("school", "room-1", "auto:x") == hash_id("school", "room-1", "auto:x")
    assert hash_id("school", "room-1", "auto:x") != hash_id("school", "room-2", "auto:x")
    assert 0 <= hash_id("a", 1) < 2**63


@pytest.mark.parametrize("uid", ["a", "b:c@school", "x~2026-11-18T07:30:00Z", "ical:1"])
def test_a_calendars_key_tells_its_uid_and_when_it_was_first_to_begin(uid):
    key = f"ical:{uid}:2026-11-18T11:10:00Z"
    assert ical_parts(key) == (uid, MONDAY)
    moved = f"{key}~2026-11-18T12:00:00Z"
    assert ical_parts(moved) == (uid, MONDAY)
    assert planned_key(moved) == planned_key(key) == key


@pytest.mark.parametrize("key", ["site:maths:2026-11-18T11:10:00Z", "auto:2026-11-18T11:10:00Z"])
def test_other_keys_are_no_calendars(key):
    assert ical_parts(key) is None
    assert planned_key(key) == key
