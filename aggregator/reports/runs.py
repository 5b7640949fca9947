"""Runs and who makes them: each is held by one scheduler at a time, by the database's clock only.

A lease lasts a minute and is renewed every 15 s while its holder works. Each change of hands raises
the fence, and whatever a holder writes first checks holder and fence: a scheduler that was away too
long writes nothing any more. The same lease covers the making of a run and its deliveries.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, DateTime, Engine, bindparam, text
from sqlalchemy.dialects.postgresql import TSTZRANGE, Range
from sqlalchemy.exc import SQLAlchemyError

from aggregator.reports.errors import RunLostError
from schemas.database import DatabaseError, connect

LEASE_S: Final = 60.0
MAX_ATTEMPTS: Final = 5  # to make a run
_FIRST_WAIT_S: Final = 60
_LEASES_PER_RENEWAL: Final = 4

# Of each report only the oldest run that is due: they are made in order.
_DUE: Final = text(
    """
    SELECT r.run_id, d.slug, r.period, r.due_at, r.attempt, r.status
    FROM report_runs r
    JOIN report_defs d USING (report_id)
    JOIN sites s USING (site_id)
    WHERE s.slug = :site AND r.due_at <= :now AND r.status IN ('waiting', 'running')
      AND NOT EXISTS (
          SELECT 1 FROM report_runs e
          WHERE e.report_id = r.report_id AND e.due_at < r.due_at
            AND e.status IN ('waiting', 'running')
      )
      AND (r.until IS NULL OR r.until < clock_timestamp())
    ORDER BY r.due_at, r.report_id
    """
).columns(period=TSTZRANGE(), due_at=DateTime(timezone=True))
_CLAIM: Final = text(
    """
    UPDATE report_runs
    SET holder = :holder, fence = fence + 1,
        until = clock_timestamp() + make_interval(secs => :lease_s),
        status = CASE WHEN :makes THEN 'running' ELSE status END,
        attempt = attempt + CASE WHEN :makes THEN 1 ELSE 0 END,
        started_at = CASE WHEN :makes THEN :now ELSE started_at END
    WHERE run_id = :run_id AND (until IS NULL OR until < clock_timestamp())
      AND (:makes AND status IN ('waiting', 'running', 'failed') OR NOT :makes AND status = 'done')
    RETURNING fence, attempt
    """
)
_RENEW: Final = text(
    """
    UPDATE report_runs SET until = clock_timestamp() + make_interval(secs => :lease_s)
    WHERE run_id = :run_id AND holder = :holder AND fence = :fence
    RETURNING 1
    """
)
_RELEASE: Final = text(
    """
    UPDATE report_runs SET until = NULL
    WHERE run_id = :run_id AND holder = :holder AND fence = :fence
    """
)
_CHECK: Final = text(
    """
    SELECT 1 FROM report_runs
    WHERE run_id = :run_id AND holder = :holder AND fence = :fence FOR UPDATE
    """
)
_GIVE_BACK: Final = text(
    """
    UPDATE report_runs
    SET status = :status, error = :error, holder = NULL,
        until = clock_timestamp() + make_interval(secs => :wait_s)
    WHERE run_id = :run_id
    """
)


_OPEN: Final = text(
    """
    INSERT INTO report_runs (report_id, period, due_at) VALUES (:report_id, :period, :now)
    ON CONFLICT (report_id, period) DO NOTHING
    """
).bindparams(bindparam("period", type_=TSTZRANGE()))
_FIND: Final = text(
    """
    SELECT run_id, status, due_at, finished_at FROM report_runs
    WHERE report_id = :report_id AND period = :period
    """
).bindparams(bindparam("period", type_=TSTZRANGE()))


@dataclass(frozen=True)
class DueRun:
    """A run that may be made, and is not held by anybody."""

    run_id: int
    report: str
    period: Range[dt.datetime]
    due_at: dt.datetime
    attempt: int
    was_running: bool  # its holder ended in the middle


@dataclass(frozen=True)
class StoredRun:
    """A run as its row says, whoever holds it."""

    run_id: int
    status: str
    due_at: dt.datetime
    finished_at: dt.datetime | None


@dataclass(frozen=True)
class HeldRun:
    """The right to write one run's files and deliveries."""

    run_id: int
    holder: str
    fence: int
    attempt: int

    @property
    def key(self) -> dict[str, Any]:
        """What tells this lease from every other."""
        return {"run_id": self.run_id, "holder": self.holder, "fence": self.fence}


class RunKeeper:
    """The runs that one process holds.

    Args:
        engine: of the database.
        holder: unique to this process.
        lease_s: for how long a run stays with a process that has died.
    """

    def __init__(self, engine: Engine, holder: str, lease_s: float = LEASE_S) -> None:
        self._engine = engine
        self._holder = holder
        self._lease_s = lease_s

    def due(self, site: str, now: dt.datetime) -> list[DueRun]:
        """Runs that could be made now, the one that was due first in front."""
        with connect(self._engine) as connection:
            rows = connection.execute(_DUE, {"site": site, "now": now}).all()
        return [
            DueRun(r.run_id, r.slug, r.period, r.due_at, r.attempt, r.status == "running")
            for r in rows
        ]

    def claim(self, run_id: int, now: dt.datetime, *, makes: bool) -> HeldRun | None:
        """Hold a run, to make it or to deliver its files; None: somebody else was first."""
        with connect(self._engine) as connection:
            held = self.claim_in(connection, run_id, now, makes=makes)
            connection.commit()
        return held

    def claim_in(
        self, connection: Connection, run_id: int, now: dt.datetime, *, makes: bool
    ) -> HeldRun | None:
        """As `claim`, in the caller's transaction."""
        values = {
            "run_id": run_id,
            "holder": self._holder,
            "lease_s": self._lease_s,
            "makes": makes,
            "now": now,
        }
        row = connection.execute(_CLAIM, values).first()
        return None if row is None else HeldRun(run_id, self._holder, row.fence, row.attempt)

    @contextmanager
    def holding(self, run: HeldRun) -> Iterator[None]:
        """Renew the lease inside, in a thread; give the run back at the end."""
        end = threading.Event()
        thread = threading.Thread(
            target=self._renew, args=(run, end), name="report-lease", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()
        with connect(self._engine) as connection:
            connection.execute(_RELEASE, run.key)
            connection.commit()

    def _renew(self, run: HeldRun, end: threading.Event) -> None:
        while not end.wait(self._lease_s / _LEASES_PER_RENEWAL):
            try:
                with connect(self._engine) as connection:
                    row = connection.execute(_RENEW, {**run.key, "lease_s": self._lease_s}).first()
                    connection.commit()
            except (DatabaseError, SQLAlchemyError):
                continue  # the lease may last until the database is back; writing checks it
            if row is None:
                return


def open_run(
    connection: Connection, report_id: int, period: Range[dt.datetime], now: dt.datetime
) -> StoredRun:
    """The run of a report's period; where there is none a new one, due now."""
    values = {"report_id": report_id, "period": period, "now": now}
    connection.execute(_OPEN, values)
    return StoredRun(*connection.execute(_FIND, values).one())


def find_run(
    connection: Connection, report_id: int, period: Range[dt.datetime]
) -> StoredRun | None:
    """The run of a report's period, if there is one."""
    row = connection.execute(_FIND, {"report_id": report_id, "period": period}).first()
    return None if row is None else StoredRun(*row)


def check_run(connection: Connection, run: HeldRun) -> None:
    """Make sure, inside a transaction, that the run is ours until its commit.

    Raises:
        RunLostError: another scheduler took it over.
    """
    if connection.execute(_CHECK, run.key).first() is None:
        raise RunLostError(f"another scheduler holds run {run.run_id} now")


def give_back(connection: Connection, run: HeldRun, error: str) -> bool:
    """Note that a run could not be made; it is tried again later, or, False, it is given up."""
    check_run(connection, run)
    tries_again = run.attempt < MAX_ATTEMPTS
    values = {
        "run_id": run.run_id,
        "status": "waiting" if tries_again else "failed",
        "error": error[:2000],
        "wait_s": _FIRST_WAIT_S * 2 ** (run.attempt - 1) if tries_again else 0,
    }
    connection.execute(_GIVE_BACK, values)
    return tries_again
