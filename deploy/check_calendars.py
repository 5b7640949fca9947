"""What the site's calendar files give for today and the days ahead."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from deploy.finding import Finding
from schemas.calendars.events import read_events
from schemas.calendars.lessons import CalendarLessons, lessons_of, planned_days
from schemas.errors import CalendarError
from schemas.site import CalendarFile, Site


def check_calendars(site: Site, folder: Path, now: dt.datetime) -> Iterator[Finding]:
    """One finding a file: its lessons, or why it cannot be used.

    Args:
        site: names the files.
        folder: of the site file.
        now: aware time.
    """
    for calendar in site.calendars:
        yield _check_calendar(site, calendar, folder, now)


def _check_calendar(site: Site, calendar: CalendarFile, folder: Path, now: dt.datetime) -> Finding:
    name, path = f"calendar {calendar.path}", folder / calendar.path
    begin, end = planned_days(int(now.timestamp()))
    try:
        events = read_events(path, site.time_zone)
        lessons = lessons_of(calendar, path, events, begin, end)
    except CalendarError as exc:
        return Finding(name, "failed", f"{exc.reason}; room {calendar.room} gets no lessons of it")
    today = now.astimezone(site.time_zone).date()
    days = [
        dt.datetime.fromtimestamp(lesson.start, site.time_zone).date()
        for lesson in lessons.occurrences
    ]
    coming = sum(today <= day <= today + dt.timedelta(days=13) for day in days)
    text = f"room {calendar.room}: lessons today: {days.count(today)}, in two weeks: {coming}"
    text += _left_out(lessons)
    if not coming:
        return Finding(name, "warning", f"{text}; is the file still written?")
    return Finding(name, "ok", text)


def _left_out(lessons: CalendarLessons) -> str:
    counts = {
        "for whole days": lessons.all_day,
        "without a length or longer than a day": lessons.not_lessons,
    }
    told = ", ".join(f"{what}: {count}" for what, count in counts.items() if count)
    return f" (events that are no lessons: {told})" if told else ""
