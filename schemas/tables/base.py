"""What every table shares: one MetaData, the names of constraints, short column makers.

Units of columns: scores, their sums and bounds are x100 (0..10000), coverage, confidence and
synchrony x1000, angles `_cd` 0.01 degree. Times are timestamptz, UTC. Rows that the aggregator
writes have no clock, sequence or random default: the same log gives the same rows.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from sqlalchemy import Column, Index, MetaData, Text, TextClause, event
from sqlalchemy.schema import CreateSchema, SchemaItem
from sqlalchemy.types import TypeEngine

metadata: Final = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

VAULT: Final = "vault"  # the schema of names, apart from everything else
event.listen(metadata, "before_create", CreateSchema(VAULT, if_not_exists=True))

ColumnType = type[TypeEngine[Any]] | TypeEngine[Any]
Period = Literal["day", "month"]


def required(
    name: str,
    type_: ColumnType,
    *items: SchemaItem,
    primary_key: bool = False,
    server_default: TextClause | None = None,
) -> Column[Any]:
    """A NOT NULL column."""
    return Column(
        name,
        type_,
        *items,
        nullable=False,
        primary_key=primary_key,
        server_default=server_default,
    )


def optional(name: str, type_: ColumnType, *items: SchemaItem) -> Column[Any]:
    """A column that is NULL where there is no evidence."""
    return Column(name, type_, *items, nullable=True)


def key(name: str, type_: ColumnType, *items: SchemaItem) -> Column[Any]:
    """A column of the primary key whose values come from us, never from a sequence."""
    return Column(name, type_, *items, primary_key=True, autoincrement=False, nullable=False)


def slug() -> Column[Any]:
    """The id that a thing carries in the site file and on the wire."""
    return required("slug", Text)


def partitioned(column: str, period: Period) -> dict[str, Any]:
    """Table options of a table in native range partitions, one for each UTC day or month."""
    return {
        "postgresql_partition_by": f"RANGE ({column})",
        "info": {"partition_column": column, "partition_period": period},
    }


def time_index(table: str, column: str) -> Index:
    """A BRIN index on time: 120 kB where a B-tree of as many rows takes 334 MB."""
    return Index(
        f"{table}_{column}_idx",
        column,
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32},
    )
