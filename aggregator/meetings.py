"""Meetings: from the timetable where there is one, else opened and closed by presence."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from schemas.messages import Lesson

ABSENCE_S: Final = 300  # an automatic meeting ends after that long without anybody seen
MAX_AUTOMATIC_S: Final = 6 * 3600  # and at the latest then
_DAY_S: Final = 86_400


class Planned(msgspec.Struct, frozen=True):
    """One occurrence of a timetable rule; Unix seconds, end exclusive."""

    start: int
    end: int
    rule_id: str
    class_slug: str
    activity: str

    @property
    def source_key(self) -> str:
        """The meeting's natural key in its room."""
        return f"site:{self.rule_id}:{iso_utc(self.start)}"


def automatic_source_key(start: int) -> str:
    """The natural key of a meeting that presence opened at `start`."""
    return f"auto:{iso_utc(start)}"


def film_source_key(start: int) -> str:
    """The natural key of a meeting that a recording from `start` on holds."""
    return f"film:{iso_utc(start)}"


def iso_utc(second: int) -> str:
    """`2026-11-23T08:30:00Z`."""
    return dt.datetime.fromtimestamp(second, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def hash_id(*parts: str | int) -> int:
    """63 bits of SHA-256 over the parts: the same key gives the same id everywhere."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def planned_at(lessons: Sequence[Lesson], time_zone: str, second: int) -> Planned | None:
    """The lesson in whose time `second` falls; of several the one that began last."""
    running = [
        planned
        for planned in occurrences(lessons, time_zone, second)
        if planned.start <= second < planned.end
    ]
    return max(running, key=lambda planned: (planned.start, planned.rule_id), default=None)


def occurrences(lessons: Sequence[Lesson], time_zone: str, second: int) -> list[Planned]:
    """All lessons of the local day of `second`.

    Local times follow the zone's rules: a lesson at 08:30 is held at 08:30 on either side of a
    change of the clocks.
    """
    zone = ZoneInfo(time_zone)
    day = dt.datetime.fromtimestamp(second, zone).date()
    return [
        Planned(
            start=_unix(day, lesson.start, zone),
            end=_unix(day, lesson.end, zone),
            rule_id=lesson.rule_id,
            class_slug=lesson.class_id,
            activity=lesson.activity,
        )
        for lesson in lessons
        if _is_held(lesson, day)
    ]


def _is_held(lesson: Lesson, day: dt.date) -> bool:
    text = day.isoformat()
    return (
        day.weekday() in lesson.weekdays
        and (not lesson.valid_from or lesson.valid_from <= text)
        and (not lesson.valid_until or text <= lesson.valid_until)
    )


def _unix(day: dt.date, clock: str, zone: ZoneInfo) -> int:
    local = dt.datetime.combine(day, dt.time.fromisoformat(clock), tzinfo=zone)
    return int(local.timestamp())


def next_planned_start(
    lessons: Sequence[Lesson], time_zone: str, begin: int, end: int
) -> int | None:
    """The first lesson that begins in [begin, end); looks at most 400 days ahead."""
    last = min(end, begin + 400 * _DAY_S)
    days = {*range(begin, last, _DAY_S), last}
    starts = {
        planned.start
        for day in days
        for planned in occurrences(lessons, time_zone, day)
        if begin <= planned.start < end
    }
    return min(starts, default=None)
