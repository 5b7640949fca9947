"""What a site file says about directions and places: seat regions and manual calibrations."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from schemas.site import Calibration, Site
from schemas.sync.regions import Span, spans_from, sync_regions
from schemas.sync.report import ChangeLog
from schemas.sync.validity import Place, sync_validity
from schemas.tables import calibrations, cameras, rooms, seats

_MANUAL_FACTOR: Final = 1.0  # f_cal of SCORE §1


def sync_plans(
    connection: Connection, site: Site, site_id: int, at: dt.datetime, changes: ChangeLog
) -> None:
    """Close and open ranges of validity so that from `at` on the tables say what the file says.

    Raises:
        SyncError: `at` lies before the last change.
    """
    camera_ids = _camera_ids(connection, site_id)
    seat_ids = _seat_ids(connection, site_id)
    camera_of = {number: slug for slug, number in camera_ids.items()}
    seat_of = {number: label for (_, label), number in seat_ids.items()}

    def name(place: Place) -> str:
        camera_id, seat_id = place
        camera = f"camera {camera_of[camera_id]}"
        return camera if seat_id is None else f"{camera}, seat {seat_of[seat_id]}"

    zone = ZoneInfo(site.site.time_zone)
    sync_regions(
        connection,
        _regions(site, camera_ids, seat_ids, at, zone),
        list(camera_of),
        at=at,
        zone=zone,
        label=lambda place: f"{name(place)}: region",
        changes=changes,
    )
    sync_validity(
        connection,
        calibrations,
        list(camera_of),
        _directions(site, camera_ids, seat_ids),
        at=at,
        label=lambda place: f"{name(place)}: calibration",
        changes=changes,
    )


def _regions(
    site: Site,
    camera_ids: dict[str, int],
    seat_ids: dict[tuple[str, str], int],
    at: dt.datetime,
    zone: ZoneInfo,
) -> dict[Place, list[Span]]:
    """Where each camera sees each seat from `at` on, by the site file."""
    return {
        (camera_ids[camera.id], seat_ids[room.id, label]): spans
        for room in site.rooms
        for camera in room.cameras
        for label, spans in spans_from(camera, at, zone).items()
    }


def _directions(
    site: Site, camera_ids: dict[str, int], seat_ids: dict[tuple[str, str], int]
) -> dict[Place, dict[str, Any]]:
    """Calibrations of the site file."""
    directions: dict[Place, dict[str, Any]] = {}
    for room in site.rooms:
        for camera in room.cameras:
            camera_id = camera_ids[camera.id]
            if camera.calibration is not None:
                directions[camera_id, None] = _direction(camera.calibration)
            for label, seat in camera.seats.items():
                if seat.calibration is not None:
                    place = (camera_id, seat_ids[room.id, label])
                    directions[place] = _direction(seat.calibration)
    return directions


def _direction(calibration: Calibration) -> dict[str, Any]:
    return {
        "method": "manual",
        "source": "site_file",
        "yaw_deg": calibration.yaw_deg,
        "pitch_deg": calibration.pitch_deg,
        "factor": _MANUAL_FACTOR,
    }


def _camera_ids(connection: Connection, site_id: int) -> dict[str, int]:
    query = select(cameras.c.slug, cameras.c.camera_id).where(cameras.c.site_id == site_id)
    return {row.slug: row.camera_id for row in connection.execute(query)}


def _seat_ids(connection: Connection, site_id: int) -> dict[tuple[str, str], int]:
    query = (
        select(rooms.c.slug, seats.c.label, seats.c.seat_id)
        .join(rooms, rooms.c.room_id == seats.c.room_id)
        .where(rooms.c.site_id == site_id)
    )
    return {(room, label): number for room, label, number in connection.execute(query)}
