"""Who is who in a meeting: the seat says it, unless somebody else may sit there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from aggregator.meetings import hash_id
from aggregator.people import Meeting
from aggregator.rows import EventRow, Rows
from aggregator.seat_change import Pair, Sightings
from aggregator.seats import News, SeatBook
from schemas.messages import RoomPlan

SEAT_CHANGE: Final = "seat_change"
_TO_LOOK_AT: Final = 2  # severity


def identify(
    meeting: Meeting,
    plan: RoomPlan,
    second: int,
    sightings: Sightings,
    books: Iterable[SeatBook],
) -> tuple[Sightings, Rows]:
    """Whom the cameras saw, by a key that names one person of the meeting, and what to tell.

    Args:
        meeting: that is being held.
        plan: of the room.
        second: the one that is finalised.
        sightings: by seat or place.
        books: of the cameras, as they are behind this second.
    """
    news: dict[str, list[News]] = {}
    for book in books:
        for seat, each in book.news.items():
            news.setdefault(seat, []).append(each)
    changes = meeting.seat_changes
    pairs = changes.follow(second, meeting.started, sightings, news)
    if changes.anonymous:
        sightings = {changes.key(seat): seen for seat, seen in sightings.items()}
    if not meeting.per_student:  # then nothing is said about single seats
        return sightings, []
    return sightings, [_event(meeting, plan, second, pair) for pair in pairs]


def confirm(meeting: Meeting | None, books: Iterable[SeatBook]) -> None:
    """From now on who sits in a seat is its student."""
    if meeting is not None:
        meeting.seat_changes.confirm()
    for book in books:
        book.confirm()


def _event(meeting: Meeting, plan: RoomPlan, second: int, pair: Pair) -> EventRow:
    return EventRow(
        ts=second,
        event_id=hash_id(meeting.meeting_id, SEAT_CHANGE, *pair, str(second)),
        kind=SEAT_CHANGE,
        severity=_TO_LOOK_AT,
        site=plan.site_id,
        room=plan.room_id,
        meeting_id=meeting.meeting_id,
        payload={"seats": list(pair)},
    )
