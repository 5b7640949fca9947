"""Follows a site's calendar files: what they say counts once they hold still, a broken one is told.

The services' loops must not wait while a large file is read, so a thread of its own looks; whoever
needs lessons takes what is there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from schemas.calendars.events import CalendarEvents, read_events
from schemas.calendars.lessons import CalendarLessons, lessons_of, merged, planned_days
from schemas.errors import CalendarError
from schemas.room_plan import Occurrence
from schemas.site import CalendarFile, Site

LOOK_EVERY_S: Final = 5.0

_Look = tuple[int, int, int] | None  # inode, size, time of the last change; None: no file
_NEVER: Final = (-1, -1, -1)

_log = structlog.get_logger("facepose.calendars")


class CalendarBook:
    """The lessons of all calendar files of a site.

    Args:
        site: names the files and their rooms.
        folder: of the site file.
        clock: Unix seconds; tells the days to look ahead.
    """

    def __init__(self, site: Site, folder: Path, clock: Callable[[], float]) -> None:
        self._pages = [_Page(c, folder / c.path, site) for c in site.calendars]
        self._rooms = {calendar.room for calendar in site.calendars}
        self._clock = clock
        self._lessons: dict[str, tuple[Occurrence, ...]] = {}
        self._news: set[str] = set()
        self._lock = threading.Lock()

    def of_room(self, room_id: str) -> tuple[Occurrence, ...] | None:
        """The lessons of a room, by start, from yesterday on for two weeks.

        None: not all of its files could be read yet, so that what is known from before holds.
        """
        return self._lessons.get(room_id, None if room_id in self._rooms else ())

    def take_news(self) -> set[str]:
        """Rooms whose lessons changed since the last call."""
        with self._lock:
            news, self._news = self._news, set()
        return news

    def look(self, *, settled: bool = False) -> None:
        """Read what has changed; `settled`: without waiting whether a file is still written."""
        begin, end = planned_days(int(self._clock()))
        rooms: dict[str, list[CalendarLessons | None]] = {}
        for page in self._pages:
            rooms.setdefault(page.room_id, []).append(page.lessons(begin, end, settled=settled))
        for room_id, parts in rooms.items():
            known = [part for part in parts if part is not None]
            lessons = merged(known)
            if len(known) == len(parts) and lessons != self._lessons.get(room_id):
                with self._lock:
                    self._lessons[room_id] = lessons
                    self._news.add(room_id)

    def follow(self, end: threading.Event) -> threading.Thread | None:
        """Look every few seconds in a thread, until `end` is set; none where there are no files."""
        if not self._pages:
            return None
        thread = threading.Thread(target=self._run, args=(end,), name="calendars", daemon=True)
        thread.start()
        return thread

    def _run(self, end: threading.Event) -> None:
        while not end.wait(LOOK_EVERY_S):
            self.look()


class _Page:
    """One file: what it said when it could last be used."""

    def __init__(self, calendar: CalendarFile, path: Path, site: Site) -> None:
        self.room_id = calendar.room
        self._calendar = calendar
        self._path = path
        self._zone = site.time_zone
        self._events = CalendarEvents((), 0)
        self._lessons: CalendarLessons | None = None  # until it could be read once
        self._read: _Look = _NEVER
        self._seen: _Look = _NEVER
        self._days = (0, 0)

    def lessons(self, begin: int, end: int, *, settled: bool) -> CalendarLessons | None:
        """Its lessons in [begin, end); those of before while it cannot be used."""
        look, before = _look(self._path), self._seen
        self._seen = look
        try:
            if look != self._read and (settled or look == before):
                self._read = look
                events = read_events(self._path, self._zone)
                self._unfold(events, begin, end)
                self._events = events
                _log.info("A calendar was read.", action="calendar_read", path=str(self._path))
            elif self._lessons is not None and self._days != (begin, end):
                self._unfold(self._events, begin, end)
        except CalendarError as exc:
            _log.warning(
                "A calendar cannot be used; what it said before stays in force.",
                action="calendar_refused",
                path=str(self._path),
                reason=exc.reason,
            )
        return self._lessons

    def _unfold(self, events: CalendarEvents, begin: int, end: int) -> None:
        self._days = begin, end
        self._lessons = lessons_of(self._calendar, self._path, events, begin, end)


def _look(path: Path) -> _Look:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
