"""A class figure is of a class: never of so few that it tells of one student."""

import pytest

from aggregator.room import Room
from aggregator.rows import MeetingMinuteRow, MeetingSummaryRow
from schemas.messages import Tick
from schemas.policy import resolve
from tests.unit.room_log import classroom, entries, plan, timed_log


def class_rows(students, policy):
    room, rows = Room.new("room-1"), []
    room_plan = plan(seats=students, policy=resolve(policy))
    timed = timed_log(room_plan, 70, classroom(students), ends=True)
    timed += [(float(at), Tick(room_id="room-1")) for at in range(71, 150, 5)]
    for entry_id, message in entries(timed):
        rows += room.feed(entry_id, message)
    return [row for row in rows if isinstance(row, MeetingMinuteRow | MeetingSummaryRow)]


@pytest.mark.parametrize(
    ("students", "policy", "is_told"),
    [(6, "demo", True), (4, "demo", False), (6, "eu", False), (10, "eu", True)],
)
def test_synchrony_needs_a_class_and_where_policy_says_so_a_larger_one(students, policy, is_told):
    """Policy `eu` has no figures of students and no groups of fewer than ten."""
    told = {row.synchrony is not None for row in class_rows(students, policy)}
    assert told == {is_told}
