"""Seat regions and calibrations: ranges of validity, of which at most one is open at a time."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Table,
    any_,
    cast,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, Range

from schemas.sync.report import ChangeLog, SyncError

Place = tuple[int, int | None]  # camera_id, seat_id; None: the whole camera
Row = Mapping[str, Any]
Label = Callable[[Place], str]

_FROM_FILE: Final = (None, "site_file")  # regions have no source; other calibrations are not ours
_ANGLE_TOLERANCE_DEG: Final = 1e-4  # far below what a head can hold, above what 4 bytes round


def sync_validity(
    connection: Connection,
    table: Table,
    camera_ids: list[int],
    wanted: Mapping[Place, Row],
    *,
    at: dt.datetime,
    label: Label,
    changes: ChangeLog,
) -> None:
    """Make the open rows of these cameras say what is `wanted`, from `at` on.

    An unchanged row stays, a changed one is closed and opened anew, a missing one is closed. A
    calibration that was measured, or set through the command line, stays unless the site file
    gives one for its place: that wins, even if it says the same.

    Args:
        connection: in the caller's transaction.
        table: `seat_regions` or `calibrations`.
        camera_ids: the site's cameras.
        wanted: values of the open row of each place.
        at: aware time.
        label: what to call a place in the report.
        changes: where to note what changed.

    Raises:
        SyncError: `at` lies before the last change.
    """
    # Against an aggregator that writes a measured calibration now; readers are not kept waiting.
    connection.execute(text(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE"))
    stored = _open_rows(connection, table, camera_ids)
    added = [place for place in wanted if place not in stored]
    changed = [p for p in wanted if p in stored and not _same(stored[p], wanted[p])]
    gone = [p for p, row in stored.items() if p not in wanted and row.get("source") in _FROM_FILE]
    if added or changed or gone:
        _refuse_the_past(connection, table, camera_ids, at)
    _close(connection, table, [stored[place] for place in changed + gone], at)
    if rows := [_row(place, wanted[place], at) for place in added + changed]:
        connection.execute(insert(table), rows)
    for place in added:
        changes.note("added", label(place))
    for place in changed:
        changes.note("changed", label(place))
    for place in gone:
        changes.note("disabled", label(place), "closed")


def _open_rows(connection: Connection, table: Table, camera_ids: list[int]) -> dict[Place, Row]:
    query = select(table).where(_of(table, camera_ids), func.upper_inf(table.c.valid))
    rows: list[Row] = [row._asdict() for row in connection.execute(query)]
    return {(row["camera_id"], row["seat_id"]): row for row in rows}


def _refuse_the_past(
    connection: Connection, table: Table, camera_ids: list[int], at: dt.datetime
) -> None:
    """History is never rewritten: a change may not lie before the newest one."""
    bounds = func.greatest(func.max(func.lower(table.c.valid)), func.max(func.upper(table.c.valid)))
    newest = connection.execute(select(bounds).where(_of(table, camera_ids))).scalar()
    if newest is not None and newest > at:
        raise SyncError(
            f"the last change was at {newest:%Y-%m-%d %H:%M:%S %Z}, which is later than "
            f"{at:%Y-%m-%d %H:%M:%S %Z}: check this machine's clock"
        )


def _of(table: Table, camera_ids: list[int]) -> ColumnElement[bool]:
    return any_(cast(camera_ids, ARRAY(Integer))) == table.c.camera_id


def _close(connection: Connection, table: Table, rows: list[Row], at: dt.datetime) -> None:
    """End the open range at `at`; one that began at this very time becomes empty."""
    if not rows:
        return
    gone = (
        func.unnest(
            cast([row["camera_id"] for row in rows], ARRAY(Integer)),
            cast([row["seat_id"] or 0 for row in rows], ARRAY(Integer)),
        )
        .table_valued("camera_id", "seat_id")
        .render_derived("gone")
    )
    connection.execute(  # one statement: there is no index that a row at a time could use
        update(table)
        .where(
            table.c.camera_id == gone.c.camera_id,
            func.coalesce(table.c.seat_id, 0) == gone.c.seat_id,
            func.upper_inf(table.c.valid),
        )
        .values(valid=func.tstzrange(func.lower(table.c.valid), at))
    )


def _row(place: Place, values: Row, at: dt.datetime) -> dict[str, Any]:
    camera_id, seat_id = place
    return {"camera_id": camera_id, "seat_id": seat_id, "valid": Range(at, None), **values}


def _same(old: Row, new: Row) -> bool:
    return all(
        math.isclose(old[name], value, abs_tol=_ANGLE_TOLERANCE_DEG)
        if isinstance(value, float)
        else old[name] == value
        for name, value in new.items()
    )
