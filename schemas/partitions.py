"""Native range partitions of the tables of measurements, one for each UTC day or month.

A row without a partition cannot be written, so they are made ahead: by `facepose db upgrade` and
`db sync`, by every service at its start, and by the aggregator for any row outside of them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from schemas.tables import metadata

DAYS_AHEAD: Final = 14

_LOCK: Final = 0x0FACE_0002  # any number that is ours alone
_NAME: Final = re.compile(r"(?P<table>.+)_p(?P<month>\d{6})(?P<day>\d{2})?$")
_EXISTING: Final = text(
    """
    SELECT child.relname
    FROM pg_inherits
    JOIN pg_class AS child ON child.oid = inhrelid
    JOIN pg_class AS parent ON parent.oid = inhparent
    WHERE parent.relname = ANY(:parents) AND pg_table_is_visible(parent.oid)
    """
)
_CREATE: Final = text("SELECT create_partition(:table, :start, :end)")


class Partition(NamedTuple):
    """One partition: rows of `table` with `start` <= time < `end`, both UTC midnights."""

    table: str
    name: str
    start: dt.date
    end: dt.date


def is_partition(table: str) -> bool:
    """Whether this is the name of a partition and not of a table."""
    return _NAME.match(table) is not None


def partitions_of(day: dt.date) -> Iterator[Partition]:
    """The partition of every partitioned table that holds the rows of `day` (UTC)."""
    for table in metadata.sorted_tables:
        period = table.info.get("partition_period")
        if period == "day":
            end = day + dt.timedelta(days=1)
            yield Partition(table.name, f"{table.name}_p{day:%Y%m%d}", day, end)
        elif period == "month":
            start = day.replace(day=1)
            end = (start + dt.timedelta(days=32)).replace(day=1)
            yield Partition(table.name, f"{table.name}_p{start:%Y%m}", start, end)


def ensure_partitions(
    connection: Connection, start: dt.datetime, days: int = DAYS_AHEAD
) -> list[str]:
    """Create what is missing from the UTC day of `start` to `days` days later, both included.

    Idempotent, and safe beside writers and beside other callers: nothing is locked that an INSERT
    needs. The partitions exist for others once the caller commits.

    Args:
        connection: in the caller's transaction.
        start: aware time.
        days: how many days beyond `start`'s day.

    Returns:
        The names of the partitions that were created.

    Raises:
        ValueError: `start` has no time zone.
    """
    first = _utc_day(start)
    wanted = _by_name(first + dt.timedelta(days=n) for n in range(days + 1))
    return _create_missing(connection, wanted)


def existing_partitions(connection: Connection) -> list[Partition]:
    """All partitions of our tables, by table and day."""
    return sorted(_by_its_name(name) for name in _existing(connection))


class PartitionKeeper:
    """`ensure_partitions` for the hot path: asks the database once for each day of rows."""

    def __init__(self) -> None:
        self._days: set[dt.date] = set()

    def cover(self, connection: Connection, times: Iterable[dt.datetime]) -> None:
        """Make sure that rows of these aware times find their partition."""
        days = {_utc_day(time) for time in times} - self._days
        if days and not _create_missing(connection, _by_name(days)):
            # Only what already stood there is remembered: the caller may still roll back.
            self._days |= days


def _create_missing(connection: Connection, wanted: dict[str, Partition]) -> list[str]:
    if not wanted.keys() - _existing(connection):
        return []
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    missing = sorted(wanted.keys() - _existing(connection))
    for name in missing:
        _create(connection, wanted[name])
    return missing


def _create(connection: Connection, partition: Partition) -> None:
    """By the owner's function: no service needs the right to create tables."""
    connection.execute(_CREATE, partition._asdict())


def _existing(connection: Connection) -> set[str]:
    parents = [t.name for t in metadata.sorted_tables if "partition_period" in t.info]
    return set(connection.execute(_EXISTING, {"parents": parents}).scalars())


def _by_its_name(name: str) -> Partition:
    parts = _NAME.match(name)
    if parts is None:
        raise ValueError(f"{name} was not made by this program: it is no table's day or month")
    day = dt.datetime.strptime(parts["month"] + (parts["day"] or "01"), "%Y%m%d").date()  # noqa: DTZ007
    return next(p for p in partitions_of(day) if p.table == parts["table"])


def _by_name(days: Iterable[dt.date]) -> dict[str, Partition]:
    return {partition.name: partition for day in days for partition in partitions_of(day)}


def _utc_day(time: dt.datetime) -> dt.date:
    if time.tzinfo is None:
        raise ValueError(f"a time without a zone has no UTC day: {time = }")
    return time.astimezone(dt.UTC).date()
