"""What stands in the schedule, for people and programs: reports, their runs, where they went."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import Connection, DateTime, text
from sqlalchemy.dialects.postgresql import TSTZRANGE

from aggregator.reports.periods import label
from aggregator.reports.schedule import period_of
from schemas.site import Site
from schemas.site_reports import masked

_NEWEST: Final = text(
    """
    SELECT * FROM (
        SELECT r.run_id, d.slug, d.kind, r.period, r.status, r.due_at, r.finished_at, r.left_out,
               r.error, row_number() OVER (PARTITION BY r.report_id ORDER BY r.due_at DESC) AS place
        FROM report_runs r JOIN report_defs d USING (report_id) JOIN sites s USING (site_id)
        WHERE s.slug = :site
    ) x
    WHERE place <= :most ORDER BY slug, due_at DESC
    """
).columns(period=TSTZRANGE(), due_at=DateTime(timezone=True))
_DELIVERIES: Final = text(
    """
    SELECT run_id, recipient, channel, status, attempt, next_at, sent_at, error
    FROM report_deliveries WHERE run_id = ANY(:runs) ORDER BY run_id, recipient
    """
)


class ListedDelivery(Struct, frozen=True, kw_only=True):
    """Where a run went; the recipient is masked."""

    recipient: str
    status: str
    attempts: int
    next_at: dt.datetime | None
    sent_at: dt.datetime | None
    error: str | None


class ListedRun(Struct, frozen=True, kw_only=True):
    """A run; times are in the site's zone."""

    report: str
    period: str
    status: str
    due_at: dt.datetime
    finished_at: dt.datetime | None
    left_out: Sequence[str]
    error: str | None
    deliveries: Sequence[ListedDelivery]


def newest_runs(connection: Connection, site: Site, most: int) -> list[ListedRun]:
    """The newest runs of each report, the coming one among them."""
    zone = site.time_zone
    rows = connection.execute(_NEWEST, {"site": site.site.id, "most": most}).all()
    found: dict[int, list[ListedDelivery]] = {row.run_id: [] for row in rows}
    for y in connection.execute(_DELIVERIES, {"runs": list(found)}):
        found[y.run_id].append(
            ListedDelivery(
                recipient=masked(y.recipient),
                status=y.status,
                attempts=y.attempt,
                next_at=_local(y.next_at, zone),
                sent_at=_local(y.sent_at, zone),
                error=y.error,
            )
        )
    definitions = {definition.id: definition for definition in site.reports}
    runs = []
    for row in rows:
        period = period_of(row.period, site.site.time_zone)
        definition = definitions.get(row.slug)
        name = label(definition, period) if definition else f"{period.first}--{period.last}"
        runs.append(
            ListedRun(
                report=row.slug,
                period=name,
                status=row.status,
                due_at=row.due_at.astimezone(zone),
                finished_at=_local(row.finished_at, zone),
                left_out=row.left_out or (),
                error=row.error,
                deliveries=found[row.run_id],
            )
        )
    return runs


def _local(time: dt.datetime | None, zone: ZoneInfo) -> dt.datetime | None:
    return None if time is None else time.astimezone(zone)
