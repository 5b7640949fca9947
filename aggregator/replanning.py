"""Planned lessons and changes of the plan: which one opens, and what becomes of one that is held.

A lesson that the new plan does not hold any more (cancelled, moved to later, shortened to before
now) ends in the second in which the plan comes into force; what was measured stays. One whose end
moved goes on to its new end. A lesson that was closed is not taken up again, so that what an
overlapping one cut off stays cut off; moved to later than its close it is another meeting, with
the time of its new start behind its key.
"""

from __future__ import annotations

from typing import Final

import msgspec

from aggregator.meetings import iso_utc, planned_key
from aggregator.people import Meeting
from aggregator.timetable import Planned, Timetable

KEPT_KEYS: Final = 20  # lessons whose close is remembered


def follow_plan(meeting: Meeting, timetable: Timetable, second: int) -> None:
    """A plan comes into force in `second` while the meeting is held."""
    if meeting.planned is None:
        return
    held = timetable.still_held(planned_key(meeting.source_key), second)
    if held is None:
        meeting.planned = (meeting.planned[0], second)
    else:
        meeting.planned = (meeting.planned[0], held.end)
        meeting.activity = held.activity


def to_open(timetable: Timetable, second: int, closed: dict[str, int]) -> Planned | None:
    """The lesson that begins, or has begun without us; `closed` tells when which one ended."""
    planned = timetable.at(second)
    if planned is None or planned.source_key not in closed:
        return planned
    if planned.start < closed[planned.source_key]:
        return None
    key = f"{planned.source_key}~{iso_utc(planned.start)}"
    if key in closed:
        return None
    return msgspec.structs.replace(planned, source_key=key)


def remember_close(closed: dict[str, int], meeting: Meeting, ended: int) -> dict[str, int]:
    """`closed` with this meeting, when it was a planned one."""
    if meeting.planned is None:
        return closed
    keys = {planned_key(meeting.source_key): ended, meeting.source_key: ended}
    return dict([*(closed | keys).items()][-KEPT_KEYS:])
