"""The lessons of a site's calendar files, as the rooms' plans carry them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.calendars.events import CalendarEvents, read_events
from schemas.calendars.instances import Instance, instances
from schemas.calendars.rules import Budget
from schemas.errors import CalendarError
from schemas.room_plan import Occurrence
from schemas.site import CalendarFile, Site

BEFORE_S: Final = 86_400
AHEAD_S: Final = 14 * 86_400
MAX_LESSON_S: Final = 86_400
MAX_LESSONS: Final = 2000  # of one file in the days that a plan looks ahead
_DAY_S: Final = 86_400
_NO_SLUG: Final = re.compile(r"[^a-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class CalendarLessons:
    """What one file gives for some days.

    Attributes:
        occurrences: its lessons, by start.
        all_day: events without a time of day, in the whole file; they are no lessons.
        not_lessons: instances of these days without a length, or longer than a day.
    """

    occurrences: tuple[Occurrence, ...]
    all_day: int
    not_lessons: int


def planned_days(at_s: int) -> tuple[int, int]:
    """Begin and end, Unix seconds, of what a plan made at `at_s` holds: whole UTC days."""
    day = at_s // _DAY_S * _DAY_S
    return day - BEFORE_S, day + _DAY_S + AHEAD_S


def lessons_of(
    calendar: CalendarFile, path: Path, events: CalendarEvents, begin: int, end: int
) -> CalendarLessons:
    """The lessons of a file's events that overlap [begin, end).

    Raises:
        CalendarError: it gives too many, or its rules cost too much.
    """
    try:
        found = instances(events.events, begin, end, Budget())
    except (ValueError, OverflowError) as exc:
        raise CalendarError(path, str(exc)) from exc
    held = [i for i in found if 0 < i.end - i.start <= MAX_LESSON_S]
    if len(held) > MAX_LESSONS:
        days = (end - begin) // _DAY_S
        raise CalendarError(path, f"{len(held)} lessons in {days} days, more than {MAX_LESSONS}")
    occurrences = tuple(_occurrence(calendar, instance) for instance in held)
    return CalendarLessons(occurrences, events.all_day, len(found) - len(held))


def merged(parts: Iterable[CalendarLessons]) -> tuple[Occurrence, ...]:
    """The lessons of a room's files, each key once (the first file's), by start."""
    by_key: dict[str, Occurrence] = {}
    for part in parts:
        for occurrence in part.occurrences:
            by_key.setdefault(occurrence.source_key, occurrence)
    return tuple(sorted(by_key.values(), key=lambda o: (o.start, o.source_key)))


def read_lessons(site: Site, folder: Path, at_s: int) -> Mapping[int, CalendarLessons]:
    """What each of the site's calendars gives for the days of a plan, by its place in the file.

    Raises:
        CalendarError: the first file that cannot be used.
    """
    begin, end = planned_days(at_s)
    found = {}
    for number, calendar in enumerate(site.calendars):
        path = folder / calendar.path
        events = read_events(path, site.time_zone)
        found[number] = lessons_of(calendar, path, events, begin, end)
    return found


def class_slug(name: str) -> str:
    """A category as the id of a class: `Klas 7B` is `klas-7b`; empty: it cannot be one."""
    return _NO_SLUG.sub("-", name.lower()).strip("._-")[:63].rstrip("._-")


def _occurrence(calendar: CalendarFile, instance: Instance) -> Occurrence:
    original = dt.datetime.fromtimestamp(instance.original, dt.UTC)
    return Occurrence(
        source_key=f"ical:{instance.uid}:{original:%Y-%m-%dT%H:%M:%SZ}",
        start=instance.start,
        end=instance.end,
        class_id=calendar.class_id or class_slug(instance.category),
        activity=calendar.activity,
    )
