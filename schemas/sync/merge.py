"""One table of things with a natural key and a number: insert, update, disable."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, bindparam, func, insert, select, update

from schemas.sync.report import ChangeLog

K = TypeVar("K")
Row = Mapping[str, Any]


def merge(
    connection: Connection,
    table: Table,
    scope: ColumnElement[bool],
    *,
    key_of: Callable[[Row], K],
    wanted: Mapping[K, Row],
    label: Callable[[K], str],
    changes: ChangeLog,
) -> dict[K, int]:
    """Make the rows of `table` within `scope` say what is `wanted`.

    Args:
        connection: holds the sync lock: numbers are given out as the largest one plus 1.
        table: its primary key is one integer column; without a column `enabled` it never loses.
        scope: the rows that belong to this site.
        key_of: the natural key of a row.
        wanted: all values of the row for each key, the key's own columns included.
        label: what to call the thing in the report.
        changes: where to note what changed.

    Returns:
        The number of every wanted thing.
    """
    (number,) = table.primary_key.columns
    query = select(table).where(scope).order_by(number)
    rows: list[Row] = [row._asdict() for row in connection.execute(query)]
    stored = {key_of(row): row for row in rows}
    ids: dict[K, int] = {key: stored[key][number.name] for key in wanted if key in stored}
    next_id = (connection.execute(select(func.max(number))).scalar() or 0) + 1
    new = [key for key in wanted if key not in stored]
    ids |= {key: next_id + n for n, key in enumerate(new)}
    if new:
        connection.execute(insert(table), [{number.name: ids[k], **wanted[k]} for k in new])
        for key in new:
            changes.note("added", label(key))
    for key, values in wanted.items():
        if key in stored:
            _note(changes, label(key), _update(connection, table, stored[key], values), values)
    if "enabled" in table.c:
        gone = [key for key, row in stored.items() if key not in wanted and row["enabled"]]
        _disable(connection, table, [stored[key][number.name] for key in gone])
        for key in gone:
            changes.note("disabled", label(key))
    return ids


def _update(connection: Connection, table: Table, old: Row, new: Row) -> dict[str, str]:
    """Write the values that differ; returns them as sentences by column."""
    (number,) = table.primary_key.columns
    differing = {name: value for name, value in new.items() if not _same(old[name], value)}
    if differing:
        connection.execute(update(table).where(number == old[number.name]).values(**differing))
    return {name: f"{name} {old[name]!r} → {value!r}" for name, value in differing.items()}


def _note(changes: ChangeLog, label: str, differing: dict[str, str], new: Row) -> None:
    if differing.pop("enabled", None) is not None:
        if new["enabled"]:
            changes.note("changed", label, "enabled")
        else:
            changes.note("disabled", label)
    if differing:
        changes.note("changed", f"{label}:", ", ".join(differing.values()))


def _disable(connection: Connection, table: Table, ids: list[int]) -> None:
    (number,) = table.primary_key.columns
    if ids:
        connection.execute(
            update(table).where(number == bindparam("gone")).values(enabled=False),
            [{"gone": number_} for number_ in ids],
        )


def _same(old: object, new: object) -> bool:
    """Equal, for numbers as precise as a column of 4 bytes keeps them."""
    if isinstance(old, float) and isinstance(new, float):
        return math.isclose(old, new, rel_tol=1e-6)
    return old == new
