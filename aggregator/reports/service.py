"""The report service: reports when they are due, and the database's daily upkeep."""

from __future__ import annotations

import datetime as dt
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from aggregator.history.status import days_ahead
from aggregator.history.upkeep import daily_upkeep
from aggregator.reports.document import Period, Report
from aggregator.reports.making import Build, MadeFile, Render
from aggregator.reports.metrics import ReportMetrics
from aggregator.reports.scheduler import AWAY, ReportScheduler
from aggregator.runner import holder_name
from schemas.database import DatabaseError, connect, create_engine, require_migrated
from schemas.partitions import Partition, existing_partitions
from schemas.settings import Settings
from schemas.site import Site
from schemas.site_following import follow_site
from schemas.site_reports import ReportDefinition, ReportFormat
from schemas.site_watch import SiteWatch
from schemas.tables import metadata
from schemas.transport import back_off

POLL_S: Final = 2.0
LONGEST_WAIT_S: Final = 10.0
_COUNT_EVERY: Final = dt.timedelta(seconds=30)
_UPKEEP_AGAIN: Final = dt.timedelta(minutes=10)  # after one that failed

_log = structlog.get_logger(__name__)


def utc_now() -> dt.datetime:
    """The time, aware."""
    return dt.datetime.now(dt.UTC)


def build_report(
    connection: Connection, definition: ReportDefinition, period: Period, site: Site
) -> Report:
    """The real figures; 90 MB of libraries come in with the first report."""
    from aggregator.reports import build  # noqa: PLC0415

    return build.build_report(connection, definition, period, site)


def draw_report(report: Report, formats: Sequence[ReportFormat]) -> list[MadeFile]:
    """The real files."""
    from aggregator.reports.rendering import render  # noqa: PLC0415

    return [*render(report, formats)]


def run_report_service(
    site: Site,
    settings: Settings,
    stop: threading.Event,
    *,
    folder: Path,
    watch: SiteWatch | None = None,
    metrics: ReportMetrics | None = None,
    clock: Callable[[], dt.datetime] = utc_now,
    build: Build | None = None,
    draw: Render | None = None,
) -> None:
    """Make and send the site's reports until `stop` is set; follow its file.

    Args:
        site: its reports, recipients and mail server.
        settings: the database.
        stop: set to return after what is under way.
        folder: of the site file.
        watch: of the site file, to follow its changes.
        metrics: for tests; by default registered in the process' registry.
        clock: aware time.
        build: figures, for tests; by default the real ones.
        draw: files, for tests.

    Raises:
        SettingsError: the database's url is missing or wrong.
        DatabaseVersionError: `facepose db upgrade` has to run first.
    """
    metrics = metrics or ReportMetrics()
    engine = create_engine(settings.require_database_url())
    upkeep = Upkeep(engine, clock)

    def turn(site: Site, end: threading.Event) -> None:
        scheduler = ReportScheduler(
            engine,
            site,
            folder,
            build or build_report,
            draw or draw_report,
            holder=holder_name(),
            clock=clock,
            stop=end,
            metrics=metrics,
        )
        _Turn(engine, site, scheduler, upkeep, metrics, clock).run(end)

    follow_site(site, watch, stop, turn)
    upkeep.join()
    metrics.ready.set(0)
    engine.dispose()


class Upkeep:
    """The database's daily work, in a thread: retention may wait for tables that are in use."""

    def __init__(self, engine: Engine, clock: Callable[[], dt.datetime]) -> None:
        self._engine = engine
        self._clock = clock
        self._done_on: dt.date | None = None
        self._not_before: dt.datetime | None = None
        self._thread: threading.Thread | None = None

    def look(self, site: Site) -> None:
        """Begin it once a day (UTC), and again some minutes after it failed."""
        now = self._clock()
        if self._thread is not None and self._thread.is_alive():
            return
        if now.date() == self._done_on or (self._not_before and now < self._not_before):
            return
        self._thread = threading.Thread(
            target=self._run, args=(site, now), name="upkeep", daemon=True
        )
        self._thread.start()

    def join(self, timeout_s: float = 5.0) -> None:
        """Give it a moment to end; what is left of it another day or service does."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self, site: Site, now: dt.datetime) -> None:
        try:
            daily_upkeep(self._engine, site, now)
        except (DatabaseError, SQLAlchemyError) as exc:
            self._not_before = now + _UPKEEP_AGAIN
            reason = str(getattr(exc, "orig", exc)).partition("\n")[0]
            _log.warning(
                "The daily upkeep failed, trying again", action="upkeep_failed", reason=reason
            )
        else:
            self._done_on = now.date()


class _Turn:
    """One life of the service, with one site file."""

    def __init__(
        self,
        engine: Engine,
        site: Site,
        scheduler: ReportScheduler,
        upkeep: Upkeep,
        metrics: ReportMetrics,
        clock: Callable[[], dt.datetime],
    ) -> None:
        self._engine = engine
        self._site = site
        self._scheduler = scheduler
        self._upkeep = upkeep
        self._metrics = metrics
        self._clock = clock
        self._count_at = clock()

    def run(self, end: threading.Event) -> None:
        waits = None
        is_checked = False
        while not end.is_set():
            try:
                if not is_checked:
                    self._check()
                    is_checked = True
                is_busy = self._round()
            except AWAY as exc:
                if waits is None:
                    waits = back_off(cap_s=LONGEST_WAIT_S)
                    reason = str(getattr(exc, "orig", exc)).partition("\n")[0]
                    _log.warning(
                        "The database is away, trying again", action="server_away", reason=reason
                    )
                self._metrics.ready.set(0)
                end.wait(next(waits))
                continue
            if waits is not None:
                waits = None
                _log.info("The database is back", action="server_back")
            self._metrics.ready.set(1)
            if not is_busy:
                end.wait(POLL_S)

    def _check(self) -> None:
        with connect(self._engine) as connection:
            require_migrated(connection)

    def _round(self) -> bool:
        self._upkeep.look(self._site)
        is_busy = self._scheduler.step()
        now = self._clock()
        if now >= self._count_at:
            self._count_at = now + _COUNT_EVERY
            with connect(self._engine) as connection:
                self._metrics.look(connection, self._site.site.id, now)
                self._metrics.partitions_ahead.set(_least_days_ahead(connection, now))
        return is_busy


def _least_days_ahead(connection: Connection, now: dt.datetime) -> int:
    """Of the partitioned table that is worst off."""
    found: dict[str, list[Partition]] = defaultdict(list)
    for partition in existing_partitions(connection):
        found[partition.table].append(partition)
    tables = [t.name for t in metadata.sorted_tables if "partition_period" in t.info]
    return min(days_ahead(found[table], now.astimezone(dt.UTC).date()) for table in tables)
