"""The report service's metrics.

| metric | labels | meaning |
|---|---|---|
| `facepose_report_runs` | status | runs in the database: waiting, running, done, failed |
| `facepose_report_deliveries` | channel, status | deliveries in the database, by where they stand |
| `facepose_report_overdue_seconds` | | since when the oldest run that is due is not made; 0: none |
| `facepose_report_make_seconds` | | time to make the files of one run |
| `facepose_report_partitions_ahead_days` | | days with partitions; fewer than 3: act |
| `facepose_report_ready` | | 1 while work is done, 0 while the database is away |
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Gauge, Histogram
from sqlalchemy import Connection, text

_RUNS: Final = text(
    """
    SELECT r.status, count(*) AS n FROM report_runs r
    JOIN report_defs d USING (report_id) JOIN sites s USING (site_id)
    WHERE s.slug = :site GROUP BY r.status
    """
)
_DELIVERIES: Final = text(
    """
    SELECT y.channel, y.status, count(*) AS n FROM report_deliveries y
    JOIN report_runs r USING (run_id) JOIN report_defs d USING (report_id)
    JOIN sites s USING (site_id)
    WHERE s.slug = :site GROUP BY y.channel, y.status
    """
)
_OLDEST: Final = text(
    """
    SELECT min(r.due_at) FROM report_runs r
    JOIN report_defs d USING (report_id) JOIN sites s USING (site_id)
    WHERE s.slug = :site AND r.status IN ('waiting', 'running') AND r.due_at <= :now
    """
)
RUN_STATUSES: Final = ("waiting", "running", "done", "failed")


class ReportMetrics:
    """One report service's gauges.

    Args:
        registry: where they are registered; tests bring their own.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.runs = Gauge("facepose_report_runs", "Runs", ["status"], registry=registry)
        self.deliveries = Gauge(
            "facepose_report_deliveries", "Deliveries", ["channel", "status"], registry=registry
        )
        self.overdue_seconds = Gauge(
            "facepose_report_overdue_seconds", "Age of the oldest run not made", registry=registry
        )
        self.make_seconds = Histogram(
            "facepose_report_make_seconds",
            "Time to make the files of one run",
            buckets=(0.3, 1.0, 3.0, 10.0, 30.0, 100.0),
            registry=registry,
        )
        self.partitions_ahead = Gauge(
            "facepose_report_partitions_ahead_days", "Days with partitions", registry=registry
        )
        self.ready = Gauge("facepose_report_ready", "1 while work is done", registry=registry)

    def look(self, connection: Connection, site: str, now: dt.datetime) -> None:
        """Take the counts from the rows."""
        counts = {r.status: r.n for r in connection.execute(_RUNS, {"site": site})}
        for status in RUN_STATUSES:
            self.runs.labels(status).set(counts.get(status, 0))
        self.deliveries.clear()
        for row in connection.execute(_DELIVERIES, {"site": site}):
            self.deliveries.labels(row.channel, row.status).set(row.n)
        oldest = connection.execute(_OLDEST, {"site": site, "now": now}).scalar()
        self.overdue_seconds.set(0 if oldest is None else (now - oldest).total_seconds())
