"""`facepose calibrate --list`: which directions are in force, and where they come from."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table
from sqlalchemy import Row, func, select

from deploy.calibrate.command import room_of
from schemas.database import connect, create_engine
from schemas.settings import Settings
from schemas.site import Site
from schemas.tables import calibrations, cameras, rooms, seats, sites

_OF_CAMERA_FIRST: Final = {"site_file", "command"}  # of a whole camera, over what was measured


def list_calibrations(site: Site, settings: Settings, room_id: str, console: Console) -> None:
    """Print the open calibrations of a room's cameras.

    Raises:
        CalibrationError: no such room.
        DatabaseUnavailableError: the database does not answer.
    """
    room = room_of(site, room_id)
    rows = _open_rows(site, settings, room.id)
    if not rows:
        console.print(
            f"Room {room.id} has no calibration yet: its lessons have no score until it has "
            "learned from three, or `facepose calibrate` was run."
        )
        return
    by_hand = {row.camera for row in rows if row.seat is None and row.source in _OF_CAMERA_FIRST}
    table = Table("camera", "seat", "yaw", "pitch", "method", "from", "mass", "cells", "since", "")
    for row in rows:
        since = row.since.astimezone(site.time_zone)
        table.add_row(
            row.camera,
            row.seat or "(all others)",
            f"{row.yaw_deg:+.1f}°",
            f"{row.pitch_deg:+.1f}°",
            row.method,
            row.source,
            "" if row.mode_mass is None else f"{row.mode_mass:.2f}",
            "" if row.n_samples is None else str(row.n_samples),
            f"{since:%Y-%m-%d %H:%M}",
            "the camera's own wins" if row.source == "measured" and row.camera in by_hand else "",
        )
    console.print(table)


def _open_rows(site: Site, settings: Settings, room_id: str) -> list[Row[tuple[object, ...]]]:
    table = calibrations.c
    query = (
        select(
            cameras.c.slug.label("camera"),
            seats.c.label.label("seat"),
            table.yaw_deg,
            table.pitch_deg,
            table.method,
            table.source,
            table.mode_mass,
            table.n_samples,
            func.lower(table.valid).label("since"),
        )
        .join(cameras, cameras.c.camera_id == table.camera_id)
        .join(rooms, rooms.c.room_id == cameras.c.room_id)
        .join(sites, sites.c.site_id == rooms.c.site_id)
        .outerjoin(seats, seats.c.seat_id == table.seat_id)
        .where(
            sites.c.slug == site.site.id,
            rooms.c.slug == room_id,
            func.upper_inf(table.valid),
        )
        .order_by(cameras.c.slug, seats.c.label.nulls_last())
    )
    engine = create_engine(settings.require_database_url(), pooled=False)
    with connect(engine) as connection:
        return list(connection.execute(query))
