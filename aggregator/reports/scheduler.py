"""One round of the report service: what is due is made, what is made is sent.

Several may run at once: a run belongs to whoever claims it first.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.dialects.postgresql import TSTZRANGE
from sqlalchemy.exc import InterfaceError, OperationalError

from aggregator.reports import deliveries
from aggregator.reports.delivery.courier import Courier
from aggregator.reports.document import Period, Report
from aggregator.reports.errors import RunLostError
from aggregator.reports.making import Build, MadeFile, Maker, Render
from aggregator.reports.metrics import ReportMetrics
from aggregator.reports.open_lessons import LessonBook, words_of
from aggregator.reports.periods import label
from aggregator.reports.runs import LEASE_S, MAX_ATTEMPTS, DueRun, HeldRun, RunKeeper, give_back
from aggregator.reports.schedule import period_of, plan_runs
from aggregator.reports.sending import Sender
from aggregator.reports.telling import tell
from schemas.database import DatabaseUnavailableError, connect
from schemas.fault_points import RUN_CLAIMED, RUN_MADE, RUN_STORED, pass_point
from schemas.site import Site
from schemas.site_reports import ReportDefinition

WAIT_FOR_LESSONS: Final = dt.timedelta(minutes=30)
_LOOK_EVERY: Final = dt.timedelta(seconds=10)  # at lessons that are not closed
_PLAN_EVERY: Final = dt.timedelta(seconds=30)
AWAY: Final = (DatabaseUnavailableError, OperationalError, InterfaceError)

_RUN: Final = text(
    """
    SELECT d.slug, r.period FROM report_runs r JOIN report_defs d USING (report_id)
    WHERE r.run_id = :run_id
    """
).columns(period=TSTZRANGE())
_log = structlog.get_logger(__name__)


class ReportScheduler:
    """Makes and sends the reports of one site.

    Args:
        engine: of the database.
        site: in force.
        folder: of the site file.
        build, render: see `Maker`.
        holder: unique to this process.
        clock: aware time; what is due follows it. Leases follow the database's clock.
        stop: set to end after the send that is under way.
        metrics: told how long a run takes.
        courier: for tests; by default one for the site.
        lease_s: for how long a run stays with a process that has died.
    """

    def __init__(
        self,
        engine: Engine,
        site: Site,
        folder: Path,
        build: Build,
        render: Render,
        *,
        holder: str,
        clock: Callable[[], dt.datetime],
        stop: threading.Event | None = None,
        metrics: ReportMetrics | None = None,
        courier: Courier | None = None,
        lease_s: float = LEASE_S,
    ) -> None:
        self._engine = engine
        self._site = site
        self._zone = site.site.time_zone
        self._definitions = {definition.id: definition for definition in site.reports}
        self._clock = clock
        self._stop = stop or threading.Event()
        self._metrics = metrics
        self.keeper = RunKeeper(engine, holder, lease_s)
        self._maker = Maker(engine, site, build, render)
        self._book = LessonBook(site, folder)
        courier = courier or Courier(site, folder)
        self._sender = Sender(engine, site.site.id, courier, clock, self._stop)
        self._began = clock()
        self._plan_at = self._began
        self._look_at: dict[int, dt.datetime] = {}

    def step(self) -> bool:
        """Do one thing; whether there was one to do.

        Raises:
            DatabaseUnavailableError, OperationalError, InterfaceError: the database is away.
        """
        now = self._clock()
        if now >= self._plan_at:
            self.plan(now)
        try:
            return self._deliver_one(now) or self._make_one(now)
        except RunLostError as exc:
            _log.warning("A run was taken over", action="report_run_lost", reason=str(exc))
            return True

    def plan(self, now: dt.datetime) -> None:
        """Write down what is due and what comes next."""
        self._plan_at = now + _PLAN_EVERY
        with connect(self._engine) as connection:
            definitions = tuple(self._definitions.values())
            skipped = plan_runs(connection, self._site.site.id, definitions, self._zone, now)
            for report, runs in skipped:
                first, last = (label(report, runs[n].period) for n in (0, -1))
                told = {"report": report.id, "runs": len(runs), "first": first, "last": last}
                tell(connection, self._site.site.id, "report_runs_skipped", now, **told)
                _log.warning(
                    "Reports of long ago are not made any more", action="report_skipped", **told
                )
            connection.commit()

    def make(
        self,
        held: HeldRun,
        definition: ReportDefinition,
        period: Period,
        deliver_at: dt.datetime | None,
    ) -> None:
        """Make a run that is held, and send what is due of it.

        Args:
            held: claimed by this scheduler's `keeper`.
            definition: of the report.
            period: of the run.
            deliver_at: when it goes out; None: when somebody says so.
        """
        self.plan(self._clock())  # the next run is written down before this one is done
        with self.keeper.holding(held):
            pass_point(RUN_CLAIMED)
            if held.attempt > MAX_ATTEMPTS:
                reason = f"{MAX_ATTEMPTS} schedulers ended while they made it"
                self._give_back(held, definition, period, reason)
                return
            made = self._try(held, definition, period)
            if made is None:
                return
            pass_point(RUN_MADE)
            self._maker.store(held, definition, period, made, self._clock(), deliver_at)
            pass_point(RUN_STORED)
            self._send(held)

    def deliver(
        self, run_id: int, before: Callable[[Connection], object] = lambda _connection: None
    ) -> bool:
        """Send what is due of one run; False: another process is at it, or it is not made.

        `before` is called first, in a transaction, while the run is held.
        """
        held = self.keeper.claim(run_id, self._clock(), makes=False)
        if held is None:
            return False
        with self.keeper.holding(held):
            with connect(self._engine) as connection:
                before(connection)
                connection.commit()
            self._send(held)
        return True

    def address(
        self,
        connection: Connection,
        run_id: int,
        definition: ReportDefinition,
        period: Period,
        deliver_at: dt.datetime | None,
    ) -> None:
        """Add recipients that a finished run does not have yet."""
        self._maker.address(connection, run_id, definition, period, deliver_at)

    def _deliver_one(self, now: dt.datetime) -> bool:
        with connect(self._engine) as connection:
            found = deliveries.runs_to_deliver(connection, self._site.site.id, now)
        return any(self.deliver(run_id) for run_id in found[:1])

    def _make_one(self, now: dt.datetime) -> bool:
        for due in self.keeper.due(self._site.site.id, now):
            definition = self._definitions.get(due.report)
            if definition is None or self._look_at.get(due.run_id, now) > now:
                continue
            period = period_of(due.period, self._zone)
            if self._waits_for_lessons(due, definition, period, now):
                self._look_at[due.run_id] = now + _LOOK_EVERY
                continue
            self._look_at.pop(due.run_id, None)
            held = self.keeper.claim(due.run_id, now, makes=True)
            if held is not None:
                self.make(held, definition, period, self._clock())
                return True
        return False

    def _waits_for_lessons(
        self, due: DueRun, definition: ReportDefinition, period: Period, now: dt.datetime
    ) -> bool:
        # A scheduler that was down gives an aggregator that was down, too, the time to catch up.
        if now >= max(due.due_at, self._began) + WAIT_FOR_LESSONS:
            return False
        with connect(self._engine) as connection:
            return bool(self._book.open_lessons(connection, definition, period))

    def _try(
        self, held: HeldRun, definition: ReportDefinition, period: Period
    ) -> tuple[Report, list[MadeFile]] | None:
        """The files; None: they could not be made, which is noted."""
        begun_s = time.perf_counter()
        try:
            with connect(self._engine) as connection:
                found = self._book.open_lessons(connection, definition, period)
            made = self._maker.make(definition, period, words_of(found, self._zone))
        except AWAY:
            raise
        except Exception as exc:  # one report's bug must not hold up the others
            _log.exception(
                "A report could not be made",
                action="report_not_made",
                report=definition.id,
                period=label(definition, period),
            )
            self._give_back(held, definition, period, f"{type(exc).__name__}: {exc}")
            return None
        self._say_made(definition, period, time.perf_counter() - begun_s, len(found))
        return made

    def _send(self, held: HeldRun) -> None:
        with connect(self._engine) as connection:
            row = connection.execute(_RUN, {"run_id": held.run_id}).one()
        period = period_of(row.period, self._zone)
        self._sender.send_due(held, self._definitions.get(row.slug), period)

    def _give_back(
        self, held: HeldRun, definition: ReportDefinition, period: Period, reason: str
    ) -> None:
        now = self._clock()
        with connect(self._engine) as connection:
            if not give_back(connection, held, reason):
                named = {"report": definition.id, "period": label(definition, period)}
                named["reason"] = reason[:500]
                tell(connection, self._site.site.id, "report_failed", now, **named)
            connection.commit()

    def _say_made(
        self, definition: ReportDefinition, period: Period, took_s: float, open_lessons: int
    ) -> None:
        if self._metrics is not None:
            self._metrics.make_seconds.observe(took_s)
        _log.info(
            "A report was made",
            action="report_made",
            report=definition.id,
            period=label(definition, period),
            took_s=round(took_s, 2),
            left_out=open_lessons,
        )
