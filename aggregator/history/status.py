"""How the database is: what `facepose db status` prints, and what of it needs doing."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, Engine, text

from aggregator.history.retention import expired_partitions
from aggregator.history.rollup import roll_up
from schemas.database import connect, current_revision, head_revision
from schemas.partitions import Partition, existing_partitions
from schemas.retention import longest_keeps
from schemas.tables import metadata

ROLES: Final = ("facepose_writer", "facepose_maintenance", "facepose_analyst", "facepose_admin")
MIN_DAYS_AHEAD: Final = 3
ROLLUP_DAYS: Final = 3  # of which the curves are compared with the class minutes
_GRACE: Final = dt.timedelta(days=2)  # retention runs once a day

# A table with its partitions; one that nobody has analysed yet has -1 rows.
_SIZES: Final = text(
    """
    SELECT parent.relname, sum(pg_total_relation_size(part.oid))::bigint,
           sum(greatest(part.reltuples, 0))::bigint, bool_or(part.reltuples >= 0)
    FROM pg_class AS parent
    JOIN pg_namespace AS n ON n.oid = parent.relnamespace
    LEFT JOIN pg_inherits AS i ON i.inhparent = parent.oid
    JOIN pg_class AS part ON part.oid = coalesce(i.inhrelid, parent.oid)
    WHERE n.nspname = ANY(:schemas) AND parent.relname = ANY(:tables)
    GROUP BY 1 ORDER BY 2 DESC, 1
    """
)
_ROLES_PRESENT: Final = text("SELECT rolname FROM pg_roles WHERE rolname = ANY(:roles)")


@dataclass(frozen=True)
class TableStatus:
    """One table with its partitions.

    Attributes:
        name: without its schema.
        size_bytes: with indexes.
        rows: an estimate; None: not analysed yet.
        partitions: how many.
        oldest: first day of the oldest partition.
        days_ahead: whole days after today whose rows have a partition.
        keep_days: the longest that a site keeps its rows.
    """

    name: str
    size_bytes: int
    rows: int | None
    partitions: int = 0
    oldest: dt.date | None = None
    days_ahead: int | None = None
    keep_days: int | None = None


@dataclass
class DatabaseStatus:
    """Everything; `to_do` says in sentences what somebody should do."""

    migration: str | None
    newest_migration: str | None
    tables: list[TableStatus] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)  # partitions that should be gone
    rollup_days: int = 0  # days of sites whose curves were compared
    wrong_rollups: list[str] = field(default_factory=list)
    roles: dict[str, bool] = field(default_factory=dict)
    to_do: list[str] = field(default_factory=list)


def read_status(engine: Engine, now: dt.datetime) -> DatabaseStatus:
    """Look at the database, changing nothing.

    Args:
        engine: of the database.
        now: aware time.

    Raises:
        DatabaseUnavailableError, DatabaseRefusedError: no server, or it does not let us in.
    """
    with connect(engine) as connection:
        status = DatabaseStatus(current_revision(connection), head_revision())
        if status.migration != status.newest_migration:
            status.to_do.append(_migrate(status))
            return status
        keeps = longest_keeps(connection)
        status.tables = _tables(connection, keeps, now)
        late = expired_partitions(connection, keeps, now - _GRACE)
        status.expired = [partition.name for partition in late]
        present = set(connection.execute(_ROLES_PRESENT, {"roles": list(ROLES)}).scalars())
        status.roles = {role: role in present for role in ROLES}
    since = now.astimezone(dt.UTC).date() - dt.timedelta(days=ROLLUP_DAYS - 1)
    rollups = roll_up(engine, since, dry_run=True)
    status.rollup_days, status.wrong_rollups = rollups.days, rollups.corrected
    status.to_do += _to_do(status, since)
    return status


def days_ahead(partitions: Sequence[Partition], today: dt.date) -> int:
    """Whole days after `today` that are covered without a gap; -1: today is not."""
    end = today
    for partition in sorted(partitions, key=lambda one: one.start):
        if partition.start <= end < partition.end:
            end = partition.end
    return (end - today).days - 1


def _tables(
    connection: Connection, keeps: Mapping[str, dt.timedelta], now: dt.datetime
) -> list[TableStatus]:
    today = now.astimezone(dt.UTC).date()
    partitions: dict[str, list[Partition]] = defaultdict(list)
    for partition in existing_partitions(connection):
        partitions[partition.table].append(partition)
    known = metadata.sorted_tables
    names = {
        "tables": [table.name for table in known],
        "schemas": ["public", *{table.schema for table in known if table.schema}],
    }
    partitioned = {table.name for table in known if "partition_period" in table.info}
    return [
        TableStatus(
            name,
            size,
            rows if is_analysed else None,
            len(own := partitions[name]),
            min((partition.start for partition in own), default=None),
            days_ahead(own, today) if name in partitioned else None,
            keeps[name].days if name in keeps else None,
        )
        for name, size, rows, is_analysed in connection.execute(_SIZES, names)
    ]


def _migrate(status: DatabaseStatus) -> str:
    return (
        f"the database stands at migration {status.migration or 'none'}, this program at "
        f"{status.newest_migration}: run `facepose db upgrade` with the newest program"
    )


def _to_do(status: DatabaseStatus, since: dt.date) -> list[str]:
    short = {t.name: t.days_ahead for t in status.tables if t.days_ahead is not None}
    few = sorted(name for name, days in short.items() if days < MIN_DAYS_AHEAD)
    missing = [role for role, is_there in status.roles.items() if not is_there]
    found = []
    if few:
        found.append(
            f"fewer than {MIN_DAYS_AHEAD} days ahead have a partition in {', '.join(few)}: rows "
            "would soon be refused; run `facepose db retention`, and see that the report service "
            "runs"
        )
    if status.expired:
        found.append(
            f"{len(status.expired)} partitions are older than they are kept: run "
            "`facepose db retention`, and see that the report service runs"
        )
    if status.wrong_rollups:
        found.append(
            f"the daily curves of {', '.join(status.wrong_rollups)} are not what the class "
            f"minutes say: run `facepose db rollup --since {since}`"
        )
    if missing:
        found.append(
            f"the roles {', '.join(missing)} are missing: run `facepose db roles` as a user who "
            "may create roles"
        )
    return found
