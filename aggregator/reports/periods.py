"""Which days a report is about, and when it is due: pure, in the site's time zone.

A run that is due at T reports on the last whole day, ISO week or month before T, in local days; a
term's is due at the first time of its cron expression after the term's end. A due time that the
clocks skip is due when they go on; of one that they show twice the first is meant (as Debian's
cron does it).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from itertools import takewhile
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from cronsim import CronSim

from aggregator.reports.document import Period
from aggregator.reports.errors import PeriodError
from schemas.site_reports import ReportDefinition, ReportKind

_DAY: Final = dt.timedelta(days=1)
_WEEKLY: Final = ("weekly_class", "weekly_site")
_MONTHLY: Final = ("monthly", "student")
_EXAMPLES: Final = {"daily_operations": "2026-03-02", "weekly": "2026-W12", "monthly": "2026-03"}


class Due(NamedTuple):
    """One run that the schedule asks for."""

    period: Period
    due_at: dt.datetime  # aware, UTC


def bounds(period: Period) -> tuple[dt.datetime, dt.datetime]:
    """Begin and end (exclusive) of the local days, UTC: 23, 24 or 25 hours a day."""
    zone = ZoneInfo(period.time_zone)
    begin, end = (
        dt.datetime.combine(day, dt.time(), tzinfo=zone).astimezone(dt.UTC)
        for day in (period.first, period.last + _DAY)
    )
    return begin, end


def due_times(cron: str, zone: ZoneInfo, after: dt.datetime) -> Iterator[dt.datetime]:
    """The times (UTC) of a cron expression after an aware time, for ever."""
    for local in CronSim(cron, after.astimezone(zone)):
        # In the hour that the clocks show twice, the search may begin before `after`.
        if (time := local.astimezone(dt.UTC)) > after:
            yield time


def due_runs(definition: ReportDefinition, time_zone: str, after: dt.datetime) -> Iterator[Due]:
    """All runs that are due after `after`, in order; for ever, except for terms."""
    zone = ZoneInfo(time_zone)
    if definition.kind == "term":
        for term in definition.terms:
            period = Period(first=term.first, last=term.last, time_zone=time_zone)
            begin_to_look = bounds(period)[1] - dt.timedelta(seconds=1)
            due_at = next(due_times(definition.cron, zone, begin_to_look))
            if due_at > after:
                yield Due(period, due_at)
        return
    for due_at in due_times(definition.cron, zone, after):
        yield Due(_whole_before(definition.kind, due_at, time_zone), due_at)


def due_between(
    definition: ReportDefinition, time_zone: str, after: dt.datetime, until: dt.datetime
) -> list[Due]:
    """The runs that are due after `after` and at the latest at `until`."""
    return list(takewhile(lambda d: d.due_at <= until, due_runs(definition, time_zone, after)))


def last_whole(definition: ReportDefinition, time_zone: str, now: dt.datetime) -> Period:
    """The newest period that is over at `now`.

    Raises:
        PeriodError: no term has ended yet.
    """
    if definition.kind != "term":
        return _whole_before(definition.kind, now, time_zone)
    terms = [Period(first=t.first, last=t.last, time_zone=time_zone) for t in definition.terms]
    over = [period for period in terms if bounds(period)[1] <= now]
    if not over:
        raise PeriodError(f"report {definition.id}: none of its terms is over yet")
    return over[-1]


def label(definition: ReportDefinition, period: Period) -> str:
    """The period as people and file names write it: `2026-03-02`, `2026-W12`, `2026-03`, a term."""
    for term in definition.terms:
        if (term.first, term.last) == (period.first, period.last):
            return term.name
    return _label(definition.kind, period)


def parse_period(definition: ReportDefinition, text: str, time_zone: str) -> Period:
    """The period of that label.

    Raises:
        PeriodError: this kind of report has no such period.
    """
    try:
        first, last = _days(definition, text)
    except (ValueError, OverflowError):
        wanted = ", ".join(term.name for term in definition.terms) or _example(definition.kind)
        raise PeriodError(
            f"{text!r} is no period of a {definition.kind} report: write it like {wanted}"
        ) from None
    return Period(first=first, last=last, time_zone=time_zone)


def _whole_before(kind: ReportKind, at: dt.datetime, time_zone: str) -> Period:
    today = at.astimezone(ZoneInfo(time_zone)).date()
    if kind in _WEEKLY:
        first = today - dt.timedelta(days=today.weekday() + 7)
        return Period(first=first, last=first + 6 * _DAY, time_zone=time_zone)
    if kind in _MONTHLY:
        last = today.replace(day=1) - _DAY
        return Period(first=last.replace(day=1), last=last, time_zone=time_zone)
    return Period(first=today - _DAY, last=today - _DAY, time_zone=time_zone)


def _label(kind: ReportKind, period: Period) -> str:
    if kind in _WEEKLY:
        year, week, _ = period.first.isocalendar()
        return f"{year}-W{week:02}"
    if kind in _MONTHLY:
        return f"{period.first:%Y-%m}"
    if period.first == period.last:
        return period.first.isoformat()
    return f"{period.first}--{period.last}"


def _days(definition: ReportDefinition, text: str) -> tuple[dt.date, dt.date]:
    if definition.kind == "term":
        found = [term for term in definition.terms if term.name == text]
        return (found[0].first, found[0].last) if found else _no_period()
    if definition.kind in _WEEKLY and (match := re.fullmatch(r"(\d{4})-W(\d\d)", text)):
        first = dt.date.fromisocalendar(int(match[1]), int(match[2]), 1)
        return first, first + 6 * _DAY
    if definition.kind in _MONTHLY and (match := re.fullmatch(r"(\d{4})-(\d\d)", text)):
        first = dt.date(int(match[1]), int(match[2]), 1)
        return first, (first + 31 * _DAY).replace(day=1) - _DAY
    if definition.kind == "daily_operations" and re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        day = dt.date.fromisoformat(text)
        return day, day
    return _no_period()


def _no_period() -> tuple[dt.date, dt.date]:
    raise ValueError


def _example(kind: ReportKind) -> str:
    if kind in _WEEKLY:
        return _EXAMPLES["weekly"]
    return _EXAMPLES["monthly" if kind in _MONTHLY else "daily_operations"]
