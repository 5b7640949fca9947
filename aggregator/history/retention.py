"""What is older than its keep goes: whole partitions, and rows in batches where there are none.

Dropping a partition closes its table for a moment, and would close it to every writer while it
waits for somebody who reads. So it gives up after `LOCK_TIMEOUT_MS`, lets the writers through and
tries again; what cannot be had is left for the next day.

Students stay: a row of theirs holds a pseudonym and nothing measured. Who they are goes with the
roster, or by an erasure.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from schemas.database import connect
from schemas.partitions import Partition, existing_partitions
from schemas.retention import retention_of_sites
from schemas.site_retention import first_kept_day

LOCK_TIMEOUT_MS: Final = 400
ATTEMPTS: Final = 10
PAUSE_S: Final = 1.0
BATCH: Final = 500  # rows of one transaction

_LOCK_NOT_AVAILABLE: Final = "55P03"
_HURRY: Final = text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
_DROP: Final = text("SELECT drop_partition(:name)")
_MIDNIGHT: Final = "CAST(CAST(:first AS date) AS timestamp) AT TIME ZONE 'UTC'"

# By table: its key, and the keys of one site's rows that are older than the day :first. With a
# lesson go who took part and its summaries; one that is running stays, whatever its age.
_OLD: Final[Mapping[str, tuple[str, str]]] = {
    "meetings": (
        "meeting_id",
        f"""
        SELECT meeting_id FROM meetings WHERE site_id = :site_id AND status <> 'running'
            AND greatest(upper(actual), upper(planned)) < {_MIDNIGHT}
        """,  # noqa: S608  texts of ours
    ),
    "site_day_curves": (
        "site_id, day, minute_no, score_version",
        """
        SELECT site_id, day, minute_no, score_version FROM site_day_curves
        WHERE site_id = :site_id AND day < :first
        """,
    ),
    "report_files": (
        "run_id, name",
        f"""
        SELECT f.run_id, f.name FROM report_files AS f
        JOIN report_runs AS r ON r.run_id = f.run_id
        JOIN report_defs AS d ON d.report_id = r.report_id
        WHERE d.site_id = :site_id AND r.finished_at < {_MIDNIGHT}
        """,  # noqa: S608  texts of ours
    ),
}


@dataclass
class RetentionReport:
    """What was dropped, or would be."""

    partitions: list[str] = field(default_factory=list)
    postponed: list[str] = field(default_factory=list)  # partitions whose table was never free
    rows: dict[str, int] = field(default_factory=dict)  # deleted in batches, by table


def expired_partitions(
    connection: Connection, keeps: Mapping[str, dt.timedelta], now: dt.datetime
) -> list[Partition]:
    """Partitions that hold nothing younger than their table's keep, the oldest first.

    Args:
        connection: to look for them.
        keeps: by table, as `store_retention` tells them.
        now: aware time.
    """
    return sorted(
        (
            partition
            for partition in existing_partitions(connection)
            if partition.end <= first_kept_day(now, keeps[partition.table].days)
        ),
        key=lambda partition: (partition.end, partition.name),
    )


def drop_expired(
    engine: Engine,
    keeps: Mapping[str, dt.timedelta],
    now: dt.datetime,
    report: RetentionReport,
    *,
    dry_run: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Drop the partitions that nobody keeps any more, each in a transaction of its own.

    Args:
        engine: of the database, as a user that may call `drop_partition`.
        keeps: by table.
        now: aware time.
        report: where to enter what was done.
        dry_run: only tell.
        sleep: waits some seconds before a table that was in use is asked for again.
    """
    with connect(engine) as connection:
        expired = expired_partitions(connection, keeps, now)
    for partition in expired:
        done = dry_run or _drop(engine, partition.name, sleep)
        (report.partitions if done else report.postponed).append(partition.name)


def delete_old_rows(
    engine: Engine, now: dt.datetime, report: RetentionReport, *, dry_run: bool = False
) -> None:
    """Delete, site by site, what its own retention no longer keeps where no partition can go.

    Args:
        engine: of the database.
        now: aware time.
        report: where to enter what was done.
        dry_run: only count.
    """
    with connect(engine) as connection:
        of_sites = retention_of_sites(connection)
    for site_id, keep in of_sites.items():
        for table, (key, old) in _OLD.items():
            first = first_kept_day(now, keep.days_of(table))
            values = {"site_id": site_id, "first": first}
            if dry_run:
                n = _count(engine, old, values)
            else:
                n = sum(_delete(engine, table, key, old, values))
            if n:
                report.rows[table] = report.rows.get(table, 0) + n


def _drop(engine: Engine, name: str, sleep: Callable[[float], None]) -> bool:
    for attempt in range(ATTEMPTS):
        if attempt:
            sleep(PAUSE_S * attempt)
        with connect(engine) as connection:
            try:
                connection.execute(_HURRY)
                connection.execute(_DROP, {"name": name})
                connection.commit()
            except OperationalError as exc:
                if getattr(exc.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                    raise
            else:
                return True
    return False


def _count(engine: Engine, old: str, values: dict[str, Any]) -> int:
    count = text(f"SELECT count(*) FROM ({old}) AS old")  # noqa: S608  texts of ours
    with connect(engine) as connection:
        return int(connection.execute(count, values).scalar_one())


def _delete(
    engine: Engine, table: str, key: str, old: str, values: dict[str, Any]
) -> Iterator[int]:
    """Rows that went, batch by batch: no transaction is long, none holds many locks."""
    delete = text(
        f"DELETE FROM {table} WHERE ({key}) IN ({old} LIMIT :batch)"  # noqa: S608  texts of ours
    )
    while True:
        with connect(engine) as connection:
            n = connection.execute(delete, {**values, "batch": BATCH}).rowcount
            connection.commit()
        yield n
        if n < BATCH:
            return
