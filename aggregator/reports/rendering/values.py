"""How a person reads a value: digits, units and dates, the same in HTML, PDF and charts."""

from __future__ import annotations

import datetime as dt

from aggregator.reports.document import Unit, Value

# Words and not locale: the same report has the same bytes everywhere.
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NO_EVIDENCE = "–"
WITHHELD = "withheld"
MINUS = "−"
NO_BREAK = "\u00a0"
AFTER_VALUE: dict[Unit, str] = {
    "share": f"{NO_BREAK}%",
    "minutes": f"{NO_BREAK}min",
    "seconds": f"{NO_BREAK}s",
    "degrees": "°",
}
NUMBERS: frozenset[Unit] = frozenset(
    ("points", "share", "count", "minutes", "seconds", "degrees")
)  # right-aligned


def day_words(day: dt.date, *, year: bool = True) -> str:
    """`Mon 2 Nov 2026`."""
    words = (WEEKDAYS[day.weekday()], str(day.day), MONTHS[day.month - 1])
    return NO_BREAK.join((*words, str(day.year)) if year else words)


def period_words(first: dt.date, last: dt.date) -> str:
    """`Mon 2 Nov to Sun 8 Nov 2026`, or the one day."""
    if first == last:
        return day_words(first)
    return f"{day_words(first, year=first.year != last.year)} to {day_words(last)}"


def number(value: float, unit: Unit, decimals: int) -> str:
    """Digits alone, without a unit; a share is written in per cent."""
    digits = f"{value * 100 if unit == 'share' else value:,.{decimals}f}"
    if digits.startswith("-"):
        positive = digits[1:]
        return MINUS + positive if positive.strip("0.,") else positive
    return digits


def time_words(text: str, this_year: int | None = None) -> str:
    """An ISO date or local time in words, without the year it goes without; other text as it is."""
    try:
        if len(text) == len("2026-11-02"):
            day = dt.date.fromisoformat(text)
            return day_words(day, year=day.year != this_year)
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{day_words(moment.date(), year=moment.year != this_year)}, {moment:%H:%M}"


def words_of(
    value: Value,
    unit: Unit,
    decimals: int = 0,
    *,
    withheld: bool = False,
    with_unit: bool = True,
    this_year: int | None = None,
) -> str:
    """A value for people: `71.2`, `93 %`, `Mon 2 Nov 2026`, `–` (no evidence) or `withheld`."""
    if withheld:
        return WITHHELD
    if value is None:
        return "" if unit == "text" else NO_EVIDENCE
    if isinstance(value, str):
        return time_words(value, this_year) if unit in {"date", "time"} else value
    after = AFTER_VALUE.get(unit, "") if with_unit or unit in {"share", "degrees"} else ""
    return number(value, unit, decimals) + after


def title_with_unit(title: str, unit: Unit) -> str:
    """A column's title, with the unit that its cells do not repeat."""
    after = {"minutes": "min", "seconds": "s"}.get(unit)
    return f"{title} ({after})" if after and f"({after})" not in title else title
