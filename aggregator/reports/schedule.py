"""The runs that are to come, as rows: made in time, never skipped, made once.

For each report the next run always stands in `report_runs`, waiting. It is also the memory of a
scheduler that was down: what was due since then follows it, in order. A report without a waiting
run is new, or was switched on again, and begins with its next due time; nothing is made up for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, DateTime, Row, bindparam, text
from sqlalchemy.dialects.postgresql import TSTZRANGE, Range

from aggregator.reports.document import Period
from aggregator.reports.periods import Due, bounds, due_between, due_runs
from schemas.site_reports import ReportDefinition, ReportKind

_DAY: Final = dt.timedelta(days=1)
# What a scheduler that was down makes up for; of older runs only the one that was waiting is made.
HORIZON: Final[Mapping[ReportKind, dt.timedelta]] = {
    "daily_operations": 31 * _DAY,
    "weekly_class": 70 * _DAY,
    "weekly_site": 70 * _DAY,
    "monthly": 366 * _DAY,
    "term": 366 * _DAY,
    "student": 366 * _DAY,
}
_LOOK_AHEAD: Final = 800  # due times whose run may exist already: two years of days

_LOCK_KEY: Final = 0x0FACE_0007  # any number that is ours alone
_LOCK: Final = text("SELECT pg_advisory_xact_lock(:key)")
_REPORTS: Final = text(
    """
    SELECT d.report_id, d.slug FROM report_defs d JOIN sites s USING (site_id) WHERE s.slug = :site
    """
)
_UNFINISHED: Final = text(
    """
    SELECT run_id, period, due_at, status FROM report_runs
    WHERE report_id = :report_id AND status IN ('waiting', 'running')
    """
).columns(period=TSTZRANGE(), due_at=DateTime(timezone=True))
_INSERT: Final = text(
    """
    INSERT INTO report_runs (report_id, period, due_at) VALUES (:report_id, :period, :due_at)
    ON CONFLICT (report_id, period) DO NOTHING RETURNING run_id
    """
).bindparams(bindparam("period", type_=TSTZRANGE()))
_IS_THERE: Final = text(
    "SELECT status FROM report_runs WHERE report_id = :report_id AND period = :period"
).bindparams(bindparam("period", type_=TSTZRANGE()))
_MOVE: Final = text("UPDATE report_runs SET due_at = :due_at WHERE run_id = :run_id")
_DROP: Final = text("DELETE FROM report_runs WHERE run_id = :run_id")
_DROP_SWITCHED_OFF: Final = text(
    """
    DELETE FROM report_runs WHERE status = 'waiting' AND report_id IN (
        SELECT d.report_id FROM report_defs d JOIN sites s USING (site_id)
        WHERE s.slug = :site AND NOT d.enabled
    )
    """
)


class Skipped(NamedTuple):
    """Runs that were due so long ago that they are not made any more."""

    definition: ReportDefinition
    runs: Sequence[Due]


def report_ids(connection: Connection, site: str) -> dict[str, int]:
    """The numbers of a site's reports by their ids, those that left the site file included."""
    return {row.slug: row.report_id for row in connection.execute(_REPORTS, {"site": site})}


def plan_runs(
    connection: Connection,
    site: str,
    definitions: Sequence[ReportDefinition],
    time_zone: str,
    now: dt.datetime,
) -> list[Skipped]:
    """Write what is due until `now` and the next run of each report; drop what is switched off.

    Idempotent, and safe beside another scheduler. Reports that the database does not know yet are
    left for later. What is switched off the database says, as `facepose db sync` left it: a
    scheduler with an old site file must not drop what is new.
    """
    connection.execute(_LOCK, {"key": _LOCK_KEY})
    ids = report_ids(connection, site)
    wanted = {ids[d.id]: d for d in definitions if d.enabled and d.id in ids}
    connection.execute(_DROP_SWITCHED_OFF, {"site": site})
    found = [
        _plan(connection, report_id, definition, time_zone, now)
        for report_id, definition in wanted.items()
    ]
    return [skipped for skipped in found if skipped.runs]


def range_of(period: Period) -> Range[dt.datetime]:
    """The period as `report_runs` keeps it."""
    return Range(*bounds(period), bounds="[)")


def period_of(stored: Range[dt.datetime], time_zone: str) -> Period:
    """The period behind a stored range."""
    zone = ZoneInfo(time_zone)
    if stored.lower is None or stored.upper is None:
        raise ValueError(f"a period has a begin and an end: {stored = }")
    last = (stored.upper - dt.timedelta(seconds=1)).astimezone(zone).date()
    return Period(first=stored.lower.astimezone(zone).date(), last=last, time_zone=time_zone)


def _plan(
    connection: Connection,
    report_id: int,
    definition: ReportDefinition,
    time_zone: str,
    now: dt.datetime,
) -> Skipped:
    rows = connection.execute(_UNFINISHED, {"report_id": report_id}).all()
    coming = [row for row in rows if row.status == "waiting" and row.due_at > now]
    if coming:
        _follow_change(connection, report_id, definition, time_zone, now, coming)
        return Skipped(definition, ())
    latest = max((row.due_at for row in rows), default=now)
    after = max(latest, now - HORIZON[definition.kind])
    for due in islice(due_runs(definition, time_zone, after), _LOOK_AHEAD):
        if _insert(connection, report_id, due) and due.due_at > now:
            break
    return Skipped(definition, due_between(definition, time_zone, latest, after))


def _follow_change(
    connection: Connection,
    report_id: int,
    definition: ReportDefinition,
    time_zone: str,
    now: dt.datetime,
    coming: Sequence[Row[Any]],
) -> None:
    """A report that is now due at other times: its next run moves with them."""
    due = _next_open(connection, report_id, definition, time_zone, now)
    is_there = False
    for row in coming:
        if due is not None and row.period == range_of(due.period):
            is_there = True
            if row.due_at != due.due_at:
                connection.execute(_MOVE, {"run_id": row.run_id, "due_at": due.due_at})
        elif row.period.upper <= now:  # the new times would leave it out
            connection.execute(_MOVE, {"run_id": row.run_id, "due_at": now})
        else:
            connection.execute(_DROP, {"run_id": row.run_id})
    if due is not None and not is_there:
        _insert(connection, report_id, due)


def _next_open(
    connection: Connection,
    report_id: int,
    definition: ReportDefinition,
    time_zone: str,
    now: dt.datetime,
) -> Due | None:
    for due in islice(due_runs(definition, time_zone, now), _LOOK_AHEAD):
        values = {"report_id": report_id, "period": range_of(due.period)}
        if connection.execute(_IS_THERE, values).scalar() in {None, "waiting"}:
            return due
    return None


def _insert(connection: Connection, report_id: int, due: Due) -> bool:
    values = {"report_id": report_id, "period": range_of(due.period), "due_at": due.due_at}
    return connection.execute(_INSERT, values).first() is not None
