"""Body of `facepose bench history`: a year of a district, and how fast it answers and grows.

The rows are made straight in an embedded PostgreSQL (`history_fill`). Then the fifteen questions of
`docs/sql.md` are asked as an analyst, warm; the weekly report of one school is made as HTML and
PDF; and the aggregator's own store writes rows on top.
"""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, text

from aggregator.reports.build import build_report
from aggregator.reports.document import Period
from aggregator.reports.rendering import render
from deploy.bench.history_fill import ZONE, fill, gather_statistics, school_days
from deploy.bench.history_insert import insert_rate
from deploy.bench.history_questions import time_questions
from deploy.bench.history_size import HistoryOptions, require_disk
from deploy.local.servers import EmbeddedPostgres
from schemas.database import connect, create_engine, upgrade
from schemas.site import Site
from schemas.site_reports import ReportDefinition

INSERT_S: Final = 10.0
# What a server of two cores and a few GB is given; the rest is PostgreSQL's default.
TUNED: Final = {
    "shared_buffers": "2GB",
    "effective_cache_size": "8GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "random_page_cost": "1.1",
    "jit": "off",
}
_SIZE: Final = text("SELECT pg_database_size(current_database())")
_REPORTED_SITE: Final = "site-1"
Progress = Callable[[str, int, int], None]
"""Told what is being done, and how much of how much of it."""


@dataclass(frozen=True)
class HistoryRun:
    """What was measured.

    Attributes:
        rows: in each of the large tables, counted.
        disk_bytes: of the database when it was filled.
        fill_s: until it was filled, and vacuumed.
        queries_s: of each question, seconds until the last row: median of three.
        report_s: the weekly report of one school, from the views to HTML and PDF.
        insert_rows_per_s: by four writers of the aggregator's store.
    """

    rows: dict[str, int]
    disk_bytes: int
    fill_s: float
    queries_s: dict[str, float]
    report_s: float
    insert_rows_per_s: float


def measure(
    options: HistoryOptions,
    questions: Mapping[str, str],
    today: dt.date,
    progress: Progress,
    insert_s: float = INSERT_S,
) -> HistoryRun:
    """Fill, ask, report and write.

    Raises:
        BenchError: the disk is too small.
        LocalError: the server did not start.
        QueryError: PostgreSQL refuses one of the questions.
    """
    with _folder(options.keep) as folder:
        require_disk(options, folder)
        with _tuned_server(folder) as url:
            engine = create_engine(url)
            try:
                return _measure(options, questions, today, progress, url, engine, insert_s)
            finally:
                engine.dispose()


def _measure(
    options: HistoryOptions,
    questions: Mapping[str, str],
    today: dt.date,
    progress: Progress,
    url: str,
    engine: Engine,
    insert_s: float,
) -> HistoryRun:
    begin_s = time.perf_counter()
    upgrade(url, now=dt.datetime.now(dt.UTC))
    fill(engine, options, today, lambda done, total: progress("filling days", done, total))
    progress("gathering statistics", 0, 1)
    gather_statistics(engine)
    fill_s = time.perf_counter() - begin_s
    progress("asking", 0, 1)
    queries_s = time_questions(url, questions)
    progress("reporting", 0, 1)
    report_s = _report_s(engine, today)
    rows, size = _count(engine, options), _disk_bytes(engine)
    progress("writing", 0, 1)
    start = dt.datetime.combine(today, dt.time(8), ZONE)
    rate = insert_rate(engine, _REPORTED_SITE, options.students, int(start.timestamp()), insert_s)
    return HistoryRun(rows, size, fill_s, queries_s, report_s, rate)


def _report_s(engine: Engine, today: dt.date) -> float:
    """The report of the newest week with lessons, once warm."""
    [last] = school_days(1, today)
    monday = last - dt.timedelta(days=last.weekday())
    period = Period(first=monday, last=monday + dt.timedelta(days=6), time_zone=ZONE.key)
    definition = ReportDefinition(id="weekly", kind="weekly_site", formats=("html", "pdf"))
    site = _site()
    taken = 0.0
    for _ in range(2):
        begin_s = time.perf_counter()
        with connect(engine) as connection:
            report = build_report(connection, definition, period, site)
        render(report, ("html", "pdf"))
        taken = time.perf_counter() - begin_s
    return taken


def _site() -> Site:
    """The reported school, as far as a report asks its site file."""
    return Site.model_validate(
        {
            "version": 1,
            "site": {"id": _REPORTED_SITE, "name": "School 1", "time_zone": ZONE.key},
            "policy": {"profile": "standard"},
            "rooms": [{"id": "room-1", "cameras": [{"id": "camera-1", "url": "rtsp://c/1"}]}],
        }
    )


def _count(engine: Engine, options: HistoryOptions) -> dict[str, int]:
    with connect(engine) as connection:
        return {
            table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608
            for table in options.rows()
        }


def _disk_bytes(engine: Engine) -> int:
    with connect(engine) as connection:
        return int(connection.execute(_SIZE).scalar_one())


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="facepose-bench-") as folder:
        yield Path(folder)


@contextmanager
def _tuned_server(folder: Path) -> Iterator[str]:
    """A PostgreSQL that flushes each commit, with `TUNED` settings."""
    server = EmbeddedPostgres(folder / "postgres")
    try:
        _tune(server.start())
        server.stop()
        yield server.start()
    finally:
        server.stop()


def _tune(url: str) -> None:
    engine = create_engine(url, pooled=False)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name, value in TUNED.items():
            connection.execute(text(f"ALTER SYSTEM SET {name} = '{value}'"))
    engine.dispose()
