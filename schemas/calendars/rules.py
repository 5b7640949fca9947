"""Rules of repetition (RRULE), unfolded by dateutil within bounds.

A hostile or broken rule must cost no more than a moment: what repeats more often than daily is
refused, nothing is unfolded beyond the horizon, and a file's rules together may walk over so many
days and give so many times.
"""

# ruff: noqa: ANN401  the parser's values have no types of their own

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import prod
from typing import Any, Final

from dateutil.rrule import rrulestr

FREQUENCIES: Final = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
MAX_TIMES_A_DAY: Final = 48
MAX_DAYS: Final = 1_000_000  # 500 series that began five years ago; about 5 s
DRY_DAYS: Final = 400_000  # what a rule that never comes true again is counted as
MAX_TIMES: Final = 100_000
_KEYS: Final = {
    "FREQ", "UNTIL", "COUNT", "INTERVAL", "BYSECOND", "BYMINUTE", "BYHOUR", "BYDAY", "BYMONTHDAY",
    "BYYEARDAY", "BYWEEKNO", "BYMONTH", "BYSETPOS", "WKST",
}  # fmt: skip
_DAY_END: Final = dt.time(23, 59, 59)


@dataclass(frozen=True, slots=True)
class Rule:
    """When an event repeats.

    Attributes:
        text: the rule as dateutil reads it, without an end.
        until: last local time; None: none is said.
        count: how many times in all; None: none is said.
    """

    text: str
    until: dt.datetime | None
    count: int | None


class Budget:
    """What unfolding one file may cost."""

    def __init__(self, days: int = MAX_DAYS, times: int = MAX_TIMES) -> None:
        self._days, self._times = days, times

    def walk(self, days: int) -> None:
        """Count days that a rule walks over. Raises: ValueError: too many."""
        self._days -= max(0, days)
        if self._days < 0:
            raise ValueError(f"the file's rules walk over more than {MAX_DAYS} days")

    def give(self) -> None:
        """Count one time. Raises: ValueError: too many."""
        self._times -= 1
        if self._times < 0:
            raise ValueError(f"the file's rules give more than {MAX_TIMES} times")


def rule_of(recur: Any, zone: dt.tzinfo) -> Rule:
    """A parsed RRULE as ours, its end in local time of `zone`.

    Raises:
        ValueError: what is wrong with it, or why it is refused.
    """
    if unknown := sorted(set(recur) - _KEYS):
        raise ValueError(f"RRULE: {', '.join(unknown)} is not supported")
    frequency = str(_first(recur, "FREQ", "")).upper()
    if frequency not in FREQUENCIES:
        raise ValueError(
            f"RRULE: FREQ={frequency}: lessons repeat {', '.join(FREQUENCIES[:-1])} or YEARLY"
        )
    interval, count = _first(recur, "INTERVAL", 1), _first(recur, "COUNT", None)
    if interval < 1 or (count is not None and count < 1):
        raise ValueError("RRULE: INTERVAL and COUNT are at least 1")
    a_day = prod(len(recur.get(key, [])) or 1 for key in ("BYHOUR", "BYMINUTE", "BYSECOND"))
    if a_day > MAX_TIMES_A_DAY:
        raise ValueError(f"RRULE: {a_day} times a day, more than {MAX_TIMES_A_DAY}")
    kept = type(recur)({k: v for k, v in recur.items() if k not in {"UNTIL", "COUNT"}})
    text = kept.to_ical().decode()
    rrulestr(text, dtstart=dt.datetime(2026, 1, 1))  # noqa: DTZ001  its mistakes show now
    return Rule(text, _until(_first(recur, "UNTIL", None), zone), count)


def times(
    rule: Rule, start: dt.datetime, horizon: dt.datetime, budget: Budget
) -> Iterator[dt.datetime]:
    """Local times of a rule from `start` to `horizon`.

    Raises:
        ValueError: the budget is spent.
    """
    end = min(rule.until or horizon, horizon)
    if end < start:
        return
    budget.walk((end - start).days)
    given = 0
    for time in islice(rrulestr(rule.text, dtstart=start), rule.count):
        if time > end:
            budget.walk((time - end).days)  # dateutil has looked that far
            return
        budget.give()
        given += 1
        yield time
    if given != rule.count:  # dateutil has looked until the year 9999
        budget.walk(DRY_DAYS)


def _until(until: dt.date | dt.datetime | None, zone: dt.tzinfo) -> dt.datetime | None:
    """The last local time; a day is meant to its end."""
    if until is None:
        return None
    if not isinstance(until, dt.datetime):
        return dt.datetime.combine(until, _DAY_END)
    return until.astimezone(zone).replace(tzinfo=None) if until.tzinfo else until


def _first(recur: Any, key: str, default: Any) -> Any:
    values = recur.get(key, [])
    return values[0] if values else default
