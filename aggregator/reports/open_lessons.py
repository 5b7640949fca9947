"""Which lessons of a period are not closed yet, so that a report can wait for them and name them.

Two kinds: those that the database holds as running, and those of the period's last day that the
timetable or a calendar promised and of which the database knows nothing: an aggregator that is
behind has not written them yet.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import structlog
from msgspec import Struct
from sqlalchemy import Connection, text

from aggregator.meetings import planned_key
from aggregator.plan import build_plan
from aggregator.reports.document import Period
from aggregator.reports.periods import bounds
from aggregator.timetable import Planned, Timetable
from schemas.calendars.events import read_events
from schemas.calendars.lessons import CalendarLessons, lessons_of, merged
from schemas.errors import CalendarError
from schemas.room_plan import Occurrence
from schemas.site import Room, Site
from schemas.site_reports import ReportDefinition

PROMISED_WITHIN_S: Final = 86_400
MAX_NAMED: Final = 100

_log = structlog.get_logger(__name__)

_LESSONS: Final = text(
    """
    SELECT r.slug AS room, coalesce(c.slug, '') AS class, m.source_key, m.status,
           lower(coalesce(m.planned, m.actual)) AS start
    FROM meetings m
    JOIN sites s ON s.site_id = m.site_id
    JOIN rooms r ON r.room_id = m.room_id
    LEFT JOIN classes c ON c.class_id = m.class_id
    WHERE s.slug = :site
      AND (lower(m.planned) >= :begin AND lower(m.planned) < :end
           OR m.planned IS NULL AND lower(m.actual) >= :begin AND lower(m.actual) < :end)
    """
)
_CLOSED: Final = frozenset({"held", "cancelled"})


class OpenLesson(Struct, frozen=True, order=True):
    """A lesson that is not closed."""

    start: dt.datetime
    room: str
    class_slug: str
    is_running: bool

    def words(self, time_zone: str) -> str:
        """For people: `room-1, 7b, 2026-03-02 08:30: not closed yet`."""
        local = self.start.astimezone(ZoneInfo(time_zone))
        names = ", ".join(name for name in (self.room, self.class_slug) if name)
        state = "not closed yet" if self.is_running else "not in the database yet"
        return f"{names}, {local:%Y-%m-%d %H:%M}: {state}"


class LessonBook:
    """The lessons of one site file; remembers what the timetable promises for a day.

    Args:
        site: in force.
        folder: of the site file, where its calendars are.
    """

    def __init__(self, site: Site, folder: Path) -> None:
        self._site = site
        self._folder = folder
        self._promised: dict[tuple[int, int], list[tuple[str, Planned]]] = {}

    def open_lessons(
        self, connection: Connection, definition: ReportDefinition, period: Period
    ) -> list[OpenLesson]:
        """What the report would leave out if it were made now, by start."""
        begin, end = bounds(period)
        rows = connection.execute(
            _LESSONS, {"site": self._site.site.id, "begin": begin, "end": end}
        ).all()
        found = [
            OpenLesson(row.start, row.room, row.class_, is_running=True)
            for row in (_Lesson(*row) for row in rows)
            if row.status not in _CLOSED
        ]
        known = {(row.room, planned_key(row.source_key)) for row in rows}
        for room, planned in self._of_last_day(begin, end):
            if (room, planned.source_key) not in known:
                start = dt.datetime.fromtimestamp(planned.start, dt.UTC)
                found.append(OpenLesson(start, room, planned.class_slug, is_running=False))
        return sorted(lesson for lesson in found if _is_meant(definition, lesson))

    def _of_last_day(self, begin: dt.datetime, end: dt.datetime) -> list[tuple[str, Planned]]:
        end_s = int(end.timestamp())
        span = max(int(begin.timestamp()), end_s - PROMISED_WITHIN_S), end_s
        if span not in self._promised:
            self._promised = {span: list(self._promise(*span))}
        return self._promised[span]

    def _promise(self, begin: int, end: int) -> Iterator[tuple[str, Planned]]:
        for room in self._site.rooms:
            cameras = [camera.id for camera in room.cameras if camera.enabled]
            if not cameras:
                continue
            occurrences = self._occurrences(room, begin, end)
            bits = dict.fromkeys(cameras, 0)
            plan = build_plan(self._site, room, bits, 0, occurrences=occurrences)
            for planned in _starting(Timetable(plan), begin, end):
                yield room.id, planned

    def _occurrences(self, room: Room, begin: int, end: int) -> tuple[Occurrence, ...]:
        parts: list[CalendarLessons] = []
        for calendar in self._site.calendars:
            path = self._folder / calendar.path
            try:
                if calendar.room == room.id:
                    events = read_events(path, self._site.time_zone)
                    parts.append(lessons_of(calendar, path, events, begin, end))
            except CalendarError as exc:
                _log.warning(
                    "A calendar cannot be used; no report waits for its lessons.",
                    action="calendar_refused",
                    path=str(path),
                    reason=exc.reason,
                )
        return merged(parts)


class _Lesson(Struct, frozen=True):
    room: str
    class_: str
    source_key: str
    status: str
    start: dt.datetime


def _starting(timetable: Timetable, begin: int, end: int) -> Iterator[Planned]:
    start = timetable.next_start(begin, end)
    while start is not None:
        held = timetable.at(start)
        if held is not None and held.start == start:
            yield held
        start = timetable.next_start(start + 1, end)


def _is_meant(definition: ReportDefinition, lesson: OpenLesson) -> bool:
    return definition.room in {None, lesson.room} and definition.class_id in {
        None,
        lesson.class_slug,
    }


def words_of(lessons: list[OpenLesson], time_zone: str) -> list[str]:
    """One line a lesson; of very many the first ones and how many more there are."""
    lines = [lesson.words(time_zone) for lesson in lessons[:MAX_NAMED]]
    more = len(lessons) - len(lines)
    return [*lines, f"and {more} more"] if more else lines
