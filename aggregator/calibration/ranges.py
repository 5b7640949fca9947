"""Measured and commanded directions in the table `calibrations`: ranges, never overwritten.

A new direction closes the open range of its place and opens its own. A row that was written before
is recognised by where it begins, so that a replayed log changes nothing; and what the site file
says of a place stays.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import Range

from aggregator.reference import Places
from aggregator.row_values import utc
from aggregator.rows import CalibrationRow
from schemas.room_plan import Direction, StoredDirection
from schemas.tables import calibrations, cameras, seats

_log = structlog.get_logger(__name__)

Place = tuple[int, int | None]  # camera_id, seat_id; None: the whole camera


@dataclass(slots=True)
class _Versions:
    """What stands there of one place.

    Attributes:
        newest: begin of the newest range.
        ended: end of the last range that has one.
        open_source: of the range that is open; empty: none is.
    """

    newest: dt.datetime
    ended: dt.datetime | None
    open_source: str

    def may_begin(self, at: dt.datetime) -> bool:
        """Whether a new range may begin at `at`: history is not rewritten."""
        is_new = self.newest < at and (self.ended is None or self.ended <= at)
        return is_new and self.open_source != "site_file"


def write_calibrations(
    connection: Connection, rows: Sequence[CalibrationRow], places: Places
) -> None:
    """Close and open ranges, in the caller's transaction.

    Raises:
        UnknownPlaceError: a camera or room that is not synced.
    """
    # Against a sync of the site file that runs at the same time; readers are not kept waiting.
    connection.execute(text("LOCK TABLE calibrations IN SHARE ROW EXCLUSIVE MODE"))
    versions = _versions(connection, {places.camera(row.camera) for row in rows})
    numbers = _seat_numbers(connection, {places.room(row.room) for row in rows})
    for row in sorted(rows, key=lambda row: row.valid_from):
        seat_id = numbers.get((places.room(row.room), row.seat)) if row.seat else None
        if row.seat and seat_id is None:
            _log.warning(
                "A calibration names a seat that the database does not know",
                action="calibration_skipped",
                camera=row.camera,
                seat=row.seat,
            )
            continue
        _write(connection, row, (places.camera(row.camera), seat_id), versions)


def _write(
    connection: Connection, row: CalibrationRow, place: Place, versions: dict[Place, _Versions]
) -> None:
    at = utc(row.valid_from)
    if place in versions and not versions[place].may_begin(at):
        return
    camera_id, seat_id = place
    table = calibrations.c
    connection.execute(
        update(calibrations)
        .where(
            table.camera_id == camera_id,
            func.coalesce(table.seat_id, 0) == (seat_id or 0),
            func.upper_inf(table.valid),
        )
        .values(valid=func.tstzrange(func.lower(table.valid), at))
    )
    values = {
        "camera_id": camera_id,
        "seat_id": seat_id,
        "method": row.method,
        "source": row.source,
        "yaw_deg": row.yaw_deg,
        "pitch_deg": row.pitch_deg,
        "mode_mass": row.mode_mass,
        "n_samples": row.n_samples,
        "factor": row.factor,
        "valid": Range(at, None),
    }
    connection.execute(insert(calibrations), [values])
    versions[place] = _Versions(newest=at, ended=at, open_source=row.source)


def _versions(connection: Connection, camera_ids: Iterable[int]) -> dict[Place, _Versions]:
    table = calibrations.c
    is_open = func.upper_inf(table.valid)
    query = (
        select(
            table.camera_id,
            table.seat_id,
            func.max(func.lower(table.valid)),
            func.max(func.upper(table.valid)),
            func.max(table.source).filter(is_open),
        )
        .where(table.camera_id.in_(sorted(camera_ids)))
        .group_by(table.camera_id, table.seat_id)
    )
    return {
        (camera_id, seat_id): _Versions(newest, ended, source or "")
        for camera_id, seat_id, newest, ended, source in connection.execute(query)
    }


def _seat_numbers(connection: Connection, room_ids: Iterable[int]) -> dict[tuple[int, str], int]:
    query = select(seats.c.room_id, seats.c.label, seats.c.seat_id).where(
        seats.c.room_id.in_(sorted(room_ids))
    )
    return {(room, label): number for room, label, number in connection.execute(query)}


def stored_directions(
    connection: Connection, room_id: int, at: dt.datetime | None = None
) -> tuple[StoredDirection, ...]:
    """The measured and commanded directions of a room's cameras.

    Args:
        connection: of the database.
        room_id: the room's number.
        at: those that held then; None: those that are open.
    """
    table = calibrations.c
    holds = func.upper_inf(table.valid) if at is None else table.valid.contains(at)
    label = func.coalesce(seats.c.label, "")
    query = (
        select(cameras.c.slug, label, table.method, table.yaw_deg, table.pitch_deg, table.factor)
        .join(cameras, cameras.c.camera_id == table.camera_id)
        .outerjoin(seats, seats.c.seat_id == table.seat_id)
        .where(cameras.c.room_id == room_id, table.source != "site_file", holds)
        .order_by(cameras.c.slug, label)
    )
    return tuple(
        StoredDirection(
            camera_id=camera,
            label=seat,
            direction=Direction(
                yaw_deg=round(yaw, 2), pitch_deg=round(pitch, 2), method=method, factor=round(f, 2)
            ),
        )
        for camera, seat, method, yaw, pitch, f in connection.execute(query)
    )
