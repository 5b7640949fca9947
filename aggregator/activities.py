"""What a class is doing: by its timetable, or by hand for as long as the meeting lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from aggregator.rows import MeetingActivityRow, Rows
from schemas.messages import ActivityChange

if TYPE_CHECKING:
    from aggregator.people import Meeting

TIMETABLE: Final = "timetable"
AHEAD_S: Final = 300  # said before a meeting opens, it holds for that meeting


class Said(msgspec.Struct, frozen=True):
    """An activity that somebody set by hand."""

    activity: str
    source: str
    at: int


class Stretch(msgspec.Struct, frozen=True):
    """The activity since `since`."""

    activity: str
    source: str
    since: int


def said(change: ActivityChange) -> Said:
    """A control event as the room remembers it."""
    return Said(change.activity, change.source, change.at // 1_000_000_000)


def in_force(meeting: Meeting, by_hand: Said | None) -> tuple[str, str]:
    """The activity and who set it; what was said long before the meeting is not meant for it."""
    if by_hand is not None and by_hand.at >= meeting.started - AHEAD_S:
        return by_hand.activity, by_hand.source
    return meeting.activity, TIMETABLE


def after_close(by_hand: Said | None, ended: int) -> Said | None:
    """What is left of a word when a meeting is over: one said since then is meant for the next."""
    return by_hand if by_hand is not None and by_hand.at >= ended else None


def follow_activity(meeting: Meeting, second: int, activity: str, source: str) -> Rows:
    """The row of the stretch that ends in `second`, if one does."""
    stretch = meeting.stretch
    if stretch is None:
        meeting.stretch = Stretch(activity, source, meeting.started)
        return []
    if (stretch.activity, stretch.source) == (activity, source):
        return []
    meeting.stretch = Stretch(activity, source, second)
    return _row(meeting, stretch, second)


def close_activity(meeting: Meeting, ended: int) -> Rows:
    """The row of the last stretch."""
    return _row(meeting, meeting.stretch, ended) if meeting.stretch else []


def _row(meeting: Meeting, stretch: Stretch, end: int) -> Rows:
    if end <= stretch.since:
        return []
    return [
        MeetingActivityRow(
            meeting_id=meeting.meeting_id,
            start=stretch.since,
            end=end,
            activity=stretch.activity,
            source=stretch.source,
        )
    ]
