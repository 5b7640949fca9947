"""Numbers in sentences, with the digits that tables and charts have."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from aggregator.reports.document import Column, Unit
from aggregator.reports.rendering.values import words_of

INDEX = "visual orientation index"
AXIS = "Visual orientation index (0 to 100)"


def points(value: float | None) -> str:
    """`68.4`."""
    return words_of(value, "points", 1)


def signed(value: float) -> str:
    """`+1.9` or `−1.9`."""
    words = points(value)
    return f"+{words}" if value > 0 and words.strip("0.") else words


def share(value: float | None, decimals: int = 0) -> str:
    """`91 %`."""
    return words_of(value, "share", decimals)


def count(number: float, one: str, many: str = "") -> str:
    """`1 lesson`, `2 lessons`."""
    return f"{words_of(number, 'count')} {one if number == 1 else many or one + 's'}"


def day(value: dt.date) -> str:
    """`Mon 2 Nov 2026`."""
    return words_of(value.isoformat(), "date")


def listed(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def local_time(value: dt.datetime) -> str:
    """A local time as tables keep it, to the minute."""
    return value.replace(tzinfo=None).isoformat(timespec="minutes")


def moment(value: dt.datetime) -> str:
    """`Mon 2 Nov 2026, 08:30`, in a sentence or a title."""
    return words_of(local_time(value), "time")


def more_words(total: int, shown: int, one: str, many: str = "") -> tuple[str, ...]:
    """What a bounded table does not show, as a paragraph; none where it shows all."""
    if total <= shown:
        return ()
    return (f"And {count(total - shown, one, many)} more; the figures above hold for all.",)


def column(name: str, title: str, unit: Unit = "text", decimals: int = 0) -> Column:
    """A column of a table."""
    return Column(name=name, title=title, unit=unit, decimals=decimals)
