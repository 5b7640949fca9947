"""Values of OneRoster's fields: lists of ids, days, times."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final
from zoneinfo import ZoneInfo

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_FIRST_YEAR: Final = 1900


def ids_in(value: str) -> list[str]:
    """The ids of a list, which is one quoted field with commas."""
    return [part for part in (part.strip() for part in value.split(",")) if part]


def day_of(value: str) -> dt.date | None:
    """The day of `2026-09-01`; None: it is none, or none of our time."""
    if not _DAY.fullmatch(value):
        return None
    try:
        day = dt.date.fromisoformat(value)
    except ValueError:
        return None
    return day if day.year >= _FIRST_YEAR else None


def local_day_of(value: str, time_zone: ZoneInfo) -> dt.date | None:
    """The local day of a date and time (ISO 8601; without an offset it is UTC), or of a date."""
    if (day := day_of(value)) is not None:
        return day
    try:
        at = dt.datetime.fromisoformat(value)
        at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
        return at.astimezone(time_zone).date()
    except (ValueError, OverflowError):
        return None
