"""An iCalendar file's timed events (RFC 5545), as far as lessons need them.

Times are kept as the file says them, in the event's own zone, because a rule repeats local times.
A time without a zone is in the site's. Anything that the parser takes but that we could only guess
at (a zone that nobody knows, a property that it could not read) is an error with the event's name.
"""

# ruff: noqa: ANN401  the parser's values have no types of their own

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import icalendar

from schemas.calendars.files import read_calendar_bytes
from schemas.calendars.rules import Rule, rule_of
from schemas.errors import CalendarError

MAX_EVENTS: Final = 5000
MAX_UID: Final = 500
YEARS: Final = (1970, 2200)

_READ: Final = {
    "UID",
    "DTSTART",
    "DTEND",
    "DURATION",
    "RRULE",
    "RDATE",
    "EXDATE",
    "RECURRENCE-ID",
    "STATUS",
}
# What the parser and values of a wrong kind raise; most of it is ValueError.
_PARSER_ERRORS: Final = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OverflowError,
    RecursionError,
)


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """One VEVENT: a single lesson, a series, or one changed instance of a series.

    Attributes:
        uid: of the series.
        sequence: of two versions of one event the higher one counts.
        start: local time in `zone`, naive.
        zone: of its times.
        duration_s: exact seconds, the same for every instance.
        rules: when it repeats.
        dates: further starts (RDATE), local, naive.
        without: Unix seconds of starts that are left out (EXDATE).
        without_days: local days of which all starts are left out.
        original: Unix seconds of the instance that this one replaces; None: it replaces none.
        original_day: the same, where the file names only a day.
        and_later: it also moves all instances after that one.
        is_off: cancelled, or without a time of day.
        category: the first of its categories.
    """

    uid: str
    sequence: int
    start: dt.datetime
    zone: dt.tzinfo
    duration_s: int
    rules: tuple[Rule, ...] = ()
    dates: tuple[dt.datetime, ...] = ()
    without: frozenset[int] = frozenset()
    without_days: frozenset[dt.date] = frozenset()
    original: int | None = None
    original_day: dt.date | None = None
    and_later: bool = False
    is_off: bool = False
    category: str = ""

    @property
    def is_change(self) -> bool:
        """Whether it replaces an instance of a series."""
        return self.original is not None or self.original_day is not None


@dataclass(frozen=True, slots=True)
class CalendarEvents:
    """What one file holds.

    Attributes:
        events: those with a time of day.
        all_day: how many have none; they are no lessons.
    """

    events: tuple[CalendarEvent, ...]
    all_day: int


def unix(local: dt.datetime, zone: dt.tzinfo) -> int:
    """Unix seconds of a local time.

    Of a time that the clocks show twice the first one; one that they skip is read with the offset
    before the gap (RFC 5545, 3.3.5): 02:30 becomes 03:30 of summer time.
    """
    return int(local.replace(tzinfo=zone).timestamp())


def read_events(path: Path, zone: dt.tzinfo) -> CalendarEvents:
    """The events of a file; `zone` is that of its times without one.

    Raises:
        CalendarError: the file cannot be used; tells the file, the event and what is wrong.
    """
    data = read_calendar_bytes(path)
    try:
        calendars = icalendar.Calendar.from_ical(data, multiple=True)
        parts = [part for calendar in calendars for part in calendar.walk("VEVENT")]
    except _PARSER_ERRORS as exc:
        raise CalendarError(path, f"is no iCalendar file: {_short(exc)}") from exc
    except OSError as exc:  # the parser opens a zone by its name, and "Europe" is a folder of them
        raise CalendarError(path, "names a time zone that nobody knows") from exc
    if not calendars:
        raise CalendarError(path, "its BEGIN and END lines do not belong together")
    if len(parts) > MAX_EVENTS:
        raise CalendarError(path, f"has {len(parts)} events, more than {MAX_EVENTS}")
    found = [_read_part(path, part, zone) for part in parts]
    events = [event for event in found if event is not None]
    return CalendarEvents(tuple(events), all_day=len(found) - len(events))


def _read_part(path: Path, part: Any, zone: dt.tzinfo) -> CalendarEvent | None:
    uid = str(part.get("UID", ""))
    name = f"event {uid[:80]!r}" if uid else "an event without a UID"
    for key, reason in part.errors:
        if key in _READ:
            raise CalendarError(path, f"{name}: {key}: {_short(reason)}")
    if not 0 < len(uid) <= MAX_UID:
        raise CalendarError(path, f"{name}: a UID has 1 to {MAX_UID} characters")
    try:
        return _event(part, uid, zone)
    except _PARSER_ERRORS as exc:
        raise CalendarError(path, f"{name}: {_short(exc)}") from exc


def _event(part: Any, uid: str, site_zone: dt.tzinfo) -> CalendarEvent | None:
    """The event; None: it lasts whole days. Raises: ValueError: what is wrong with it."""
    if "DTSTART" not in part:
        raise ValueError("it has no DTSTART")
    has_time = isinstance(part["DTSTART"].dt, dt.datetime)
    original, original_day, and_later = _replaced(part, site_zone)
    if not has_time:
        if original is None:
            _day(part["DTSTART"].dt)
            return None
        zone = site_zone
        start = dt.datetime.fromtimestamp(original, zone).replace(tzinfo=None)
    else:
        start, zone = _local(part["DTSTART"], site_zone)
    is_cancelled = str(part.get("STATUS", "")).upper() == "CANCELLED"
    return CalendarEvent(
        uid=uid,
        sequence=_sequence(part),
        start=start,
        zone=zone,
        duration_s=_duration_s(part, start, zone, site_zone) if has_time else 0,
        rules=tuple(rule_of(rule, zone) for rule in _all(part, "RRULE")) if has_time else (),
        dates=tuple(_dates(part, start, zone, site_zone)),
        without=frozenset(_without(part, site_zone)),
        without_days=frozenset(_without_days(part)),
        original=original,
        original_day=original_day,
        and_later=and_later,
        is_off=is_cancelled or not has_time,
        category=_category(part),
    )


def _local(value: Any, site_zone: dt.tzinfo) -> tuple[dt.datetime, dt.tzinfo]:
    """A time's local reading and its zone."""
    time = value.dt
    if not isinstance(time, dt.datetime):
        raise ValueError(f"{time} has no time of day, unlike its DTSTART")  # noqa: TRY004
    if not YEARS[0] <= time.year <= YEARS[1]:
        raise ValueError(f"{time:%Y-%m-%d} lies outside of {YEARS[0]} to {YEARS[1]}")
    if time.tzinfo is None and (name := value.params.get("TZID")):
        raise ValueError(f"nobody knows the time zone {name!r}")
    return time.replace(tzinfo=None, fold=0), time.tzinfo or site_zone


def _day(value: object) -> dt.date:
    """A value that has to be a day. Raises: ValueError: it is a time of day or a duration."""
    if not isinstance(value, dt.date):
        raise ValueError(f"{value} is neither a day nor a time of one")  # noqa: TRY004  with others
    return value


def _duration_s(part: Any, start: dt.datetime, zone: dt.tzinfo, site_zone: dt.tzinfo) -> int:
    if "DTEND" in part:
        return unix(*_local(part["DTEND"], site_zone)) - unix(start, zone)
    if "DURATION" in part:
        return int(part["DURATION"].dt.total_seconds())
    return 0


def _replaced(part: Any, site_zone: dt.tzinfo) -> tuple[int | None, dt.date | None, bool]:
    """Which instance of a series the event replaces, and whether all later ones too."""
    value = part.get("RECURRENCE-ID")
    if value is None:
        return None, None, False
    and_later = str(value.params.get("RANGE", "")).upper() == "THISANDFUTURE"
    if isinstance(value.dt, dt.datetime):
        return unix(*_local(value, site_zone)), None, and_later
    return None, _day(value.dt), and_later


def _dates(
    part: Any, start: dt.datetime, zone: dt.tzinfo, site_zone: dt.tzinfo
) -> Iterator[dt.datetime]:
    """Further starts, as local times of the event; a date takes the event's time of day."""
    for value in _listed(part, "RDATE"):
        time = value.dt[0] if isinstance(value.dt, tuple) else value.dt
        if isinstance(time, dt.datetime):
            zoned = time.replace(tzinfo=time.tzinfo or site_zone)
            yield zoned.astimezone(zone).replace(tzinfo=None)
        else:
            yield dt.datetime.combine(_day(time), start.time())


def _without(part: Any, site_zone: dt.tzinfo) -> Iterator[int]:
    for value in _listed(part, "EXDATE"):
        if isinstance(value.dt, dt.datetime):
            yield unix(*_local(value, site_zone))


def _without_days(part: Any) -> Iterator[dt.date]:
    for value in _listed(part, "EXDATE"):
        if not isinstance(value.dt, dt.datetime):
            yield _day(value.dt)


def _listed(part: Any, name: str) -> Iterator[Any]:
    """All values of a property that may stand several times and hold several each."""
    for line in _all(part, name):
        yield from line.dts


def _all(part: Any, name: str) -> list[Any]:
    value = part.get(name)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _sequence(part: Any) -> int:
    try:
        return int(part.get("SEQUENCE", 0))
    except (ValueError, TypeError):
        return 0


def _category(part: Any) -> str:
    lines = _all(part, "CATEGORIES")
    return next((str(name) for line in lines for name in line.cats), "")


def _short(reason: object) -> str:
    return " ".join(str(reason).split())[:200]
