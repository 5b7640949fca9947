"""When a room's lessons are held, by weekly rules and by the occurrences of its calendars.

Local times follow the zone's rules: a lesson at 08:30 is held at 08:30 on either side of a change
of the clocks. What the clocks skip is read with the offset before the gap, of what they show twice
the first is meant, as in iCalendar. Of two lessons that overlap the one that began last is held:
the other one ends there, and is not taken up again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from aggregator.meetings import iso_utc
from schemas.messages import RoomPlan
from schemas.room_plan import Lesson, Occurrence

DAYS_AHEAD: Final = 400  # that far a hole in the log is searched for its next lesson


class Planned(msgspec.Struct, frozen=True):
    """One lesson; Unix seconds, end exclusive."""

    start: int
    end: int
    source_key: str  # the meeting's natural key in its room
    class_slug: str
    activity: str

    @property
    def order(self) -> tuple[int, str]:
        """Of lessons that are on at once, the last in this order is held."""
        return self.start, self.source_key


class Timetable:
    """The lessons of one plan; a pure function of it that remembers the day last asked for."""

    def __init__(self, plan: RoomPlan) -> None:
        self.plan = plan
        self._zone = ZoneInfo(plan.time_zone)
        self._calendar = [_of_calendar(occurrence) for occurrence in plan.occurrences]
        self._near: list[Planned] = []
        self._near_from = self._near_until = 0

    @property
    def decides(self) -> bool:
        """Whether lessons are planned here at all; where they are not, presence opens meetings."""
        return bool(self.plan.lessons or self._calendar) or self.plan.follows_calendar

    def at(self, second: int) -> Planned | None:
        """The lesson that is held in `second`, its end cut where the next one begins."""
        near = self._near_lessons(second)
        running = [p for p in near if p.start <= second < p.end]
        if not running:
            return None
        held = max(running, key=_order)
        next_starts = [p.start for p in near if held.start < p.start < held.end]
        end = min([held.end, *next_starts])
        # What a later one cut off is not resumed when that one is over.
        return msgspec.structs.replace(held, end=end) if second < end else None

    def still_held(self, source_key: str, second: int) -> Planned | None:
        """The lesson of that key if it is held in `second`; its rule may begin at another time."""
        held = self.at(second)
        same = held is not None and (
            held.source_key == source_key or _rule_of(held.source_key) == _rule_of(source_key)
        )
        return held if same else None

    def next_start(self, begin: int, end: int) -> int | None:
        """The first lesson that begins in [begin, end); looks `DAYS_AHEAD` at most."""
        starts = [p.start for p in self._calendar if begin <= p.start < end]
        day = self._local_day(begin)
        last = min(self._local_day(end), day + dt.timedelta(days=DAYS_AHEAD))
        while self.plan.lessons and day <= last:
            found = [p.start for p in self._of_day(day) if begin <= p.start < end]
            if found:
                return min([*starts, *found])
            day += dt.timedelta(days=1)
        return min(starts, default=None)

    def _near_lessons(self, second: int) -> list[Planned]:
        """All lessons that may overlap the local day of `second` or the ones beside it."""
        if not self._near_from <= second < self._near_until:
            day, one = self._local_day(second), dt.timedelta(days=1)
            self._near_from = _unix(day, dt.time(), self._zone)
            self._near_until = _unix(day + one, dt.time(), self._zone)
            weekly = [p for d in (day - one, day, day + one) for p in self._of_day(d)]
            begin, end = self._near_from - 2 * 86_400, self._near_until + 2 * 86_400
            dated = [p for p in self._calendar if p.start < end and p.end > begin]
            self._near = [*weekly, *dated]
        return self._near

    def _local_day(self, second: int) -> dt.date:
        return dt.datetime.fromtimestamp(second, self._zone).date()

    def _of_day(self, day: dt.date) -> Iterator[Planned]:
        for lesson in self.plan.lessons:
            if _is_held(lesson, day):
                yield self._weekly(lesson, day)

    def _weekly(self, lesson: Lesson, day: dt.date) -> Planned:
        first, last = dt.time.fromisoformat(lesson.start), dt.time.fromisoformat(lesson.end)
        start, end = _unix(day, first, self._zone), _unix(day, last, self._zone)
        if end <= start:  # the clocks skipped its start, so it begins late
            end = start + 60 * (last.hour * 60 + last.minute - first.hour * 60 - first.minute)
        return Planned(
            start=start,
            end=end,
            source_key=f"site:{lesson.rule_id}:{iso_utc(start)}",
            class_slug=lesson.class_id,
            activity=lesson.activity,
        )


def _of_calendar(occurrence: Occurrence) -> Planned:
    return Planned(
        start=occurrence.start,
        end=occurrence.end,
        source_key=occurrence.source_key,
        class_slug=occurrence.class_id,
        activity=occurrence.activity,
    )


def _is_held(lesson: Lesson, day: dt.date) -> bool:
    text = day.isoformat()
    return (
        day.weekday() in lesson.weekdays
        and (not lesson.valid_from or lesson.valid_from <= text)
        and (not lesson.valid_until or text <= lesson.valid_until)
    )


def _rule_of(source_key: str) -> str:
    """The weekly rule behind a key; a calendar's keys have none but themselves."""
    is_weekly = source_key.startswith("site:")
    return source_key.split(":")[1] if is_weekly else source_key


def _order(planned: Planned) -> tuple[int, str]:
    return planned.order


def _unix(day: dt.date, clock: dt.time, zone: ZoneInfo) -> int:
    return int(dt.datetime.combine(day, clock, tzinfo=zone).timestamp())
