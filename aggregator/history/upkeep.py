"""What the database needs every day: partitions ahead, and what is too old dropped.

The report service does it once a day as `daily_upkeep`, a person by `facepose db retention`.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import structlog
from sqlalchemy import Engine, text

from aggregator.history.retention import RetentionReport, delete_old_rows, drop_expired
from schemas.database import connect
from schemas.partitions import DAYS_AHEAD, ensure_partitions
from schemas.retention import store_retention
from schemas.site import Site

_log = structlog.get_logger(__name__)

_LOCK: Final = 0x0FACE_0006  # any number that is ours alone


@dataclass
class UpkeepReport:
    """What a run did, or would do.

    Attributes:
        is_busy: somebody else does it at this moment: nothing was done here.
        created: names of new partitions.
        retention: what was dropped.
    """

    is_busy: bool = False
    created: list[str] = field(default_factory=list)
    retention: RetentionReport = field(default_factory=RetentionReport)


def daily_upkeep(engine: Engine, site: Site, now: dt.datetime) -> UpkeepReport:
    """Partitions `DAYS_AHEAD` days ahead, and retention; safe to run at any time and twice.

    It is done for all sites of the database, whichever site's service comes first; a second one
    at the same time leaves it to the first.

    Args:
        engine: of the database, as a user with the rights of `facepose_maintenance`.
        site: whose service asks; named in the log.
        now: aware time.

    Raises:
        DatabaseUnavailableError: no server answers.
    """
    report = keep_house(engine, now)
    if not report.is_busy:
        _log.info(
            "The database's partitions and retention are up to date.",
            action="daily_upkeep",
            site=site.site.id,
            created=len(report.created),
            dropped=len(report.retention.partitions),
            postponed=report.retention.postponed,
            deleted=report.retention.rows,
        )
    return report


def keep_house(
    engine: Engine,
    now: dt.datetime,
    *,
    dry_run: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> UpkeepReport:
    """`daily_upkeep` for all sites; `dry_run` only tells, `sleep` waits for tables in use."""
    report = UpkeepReport()
    with _alone(engine) as is_alone:
        if not is_alone:
            return UpkeepReport(is_busy=True)
        with connect(engine) as connection:
            keeps = store_retention(connection)
            report.created = ensure_partitions(connection, now, DAYS_AHEAD)
            if dry_run:
                connection.rollback()
            else:
                connection.commit()
        drop_expired(engine, keeps, now, report.retention, dry_run=dry_run, sleep=sleep)
        delete_old_rows(engine, now, report.retention, dry_run=dry_run)
    return report


@contextmanager
def _alone(engine: Engine) -> Iterator[bool]:
    """Whether nobody else keeps house now; then nobody else does until the end of the block."""
    with connect(engine) as connection:
        is_alone = bool(
            connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}).scalar()
        )
        connection.commit()
        try:
            yield is_alone
        finally:
            if is_alone:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
                connection.commit()
