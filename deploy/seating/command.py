"""Bodies of `facepose seats` and `facepose seats confirm`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Console
from sqlalchemy import Engine, select, update

from aggregator.onlooker import look_at_room
from aggregator.plan import build_plan
from aggregator.reference import Places
from aggregator.seat_plans import plan_in_force
from aggregator.store import Store
from deploy.seating.block import site_file_block
from deploy.seating.confirmed import note_confirmation
from deploy.seating.drawing import check_format, write_drawing
from deploy.seating.found import CameraSeats, seats_of_room
from schemas.database import connect as connect_database
from schemas.database import create_engine
from schemas.errors import SettingsError
from schemas.messages import SeatsConfirmed, encode
from schemas.settings import Settings
from schemas.site import Room, Site
from schemas.streams import faces_stream
from schemas.sync import mask_bits
from schemas.tables import rooms
from schemas.transport import Client, connect, publish, server_time_ns

NS: Final = 1_000_000_000


def show_seats(
    site: Site, settings: Settings, room_id: str, draw: Path | None, console: Console
) -> None:
    """Print a room's seats as a block of a site file; draw them too where `draw` names a file.

    Raises:
        SettingsError: there is no such room, nobody was seen in it yet, or no such drawing.
        DatabaseUnavailableError, TransportError, UnknownPlaceError: servers that are not there or
            do not know the site yet.
    """
    room = room_of(site, room_id)
    if draw is not None:
        check_format(draw)
    engine = create_engine(settings.require_database_url(), pooled=False)
    with connect(settings.require_faces_url()) as client:
        cameras = _seats(site, room, engine, client, server_time_ns(client) // NS)
    confirmed_at = _confirmed_at(engine, site, room)
    if not any(camera.seats for camera in cameras):
        raise SettingsError(_nothing_yet(site, room))
    console.print(site_file_block(room.id, cameras), highlight=False, markup=False, soft_wrap=True)
    console.print(f"# {_about(cameras)}; {_about_confirmation(confirmed_at, site.time_zone)}")
    if draw is not None:
        write_drawing(draw, f"Room {room.id}", cameras)
        console.print(f"# drawn to {draw}", highlight=False, markup=False, soft_wrap=True)


def confirm_seats(site: Site, settings: Settings, room_id: str, console: Console) -> None:
    """Say that from now on who sits in a seat of the room is the seat's student.

    Raises:
        SettingsError: there is no such room, or it has no seats yet.
        DatabaseUnavailableError, TransportError, UnknownPlaceError: as `show_seats`.
    """
    room = room_of(site, room_id)
    engine = create_engine(settings.require_database_url(), pooled=False)
    with connect(settings.require_faces_url()) as client:
        at_ns = server_time_ns(client)
        cameras = _seats(site, room, engine, client, at_ns // NS)
        if not any(camera.seats for camera in cameras):
            raise SettingsError(_nothing_yet(site, room))
        at = dt.datetime.fromtimestamp(at_ns // NS, dt.UTC)
        publish(client, faces_stream(room.id), encode(SeatsConfirmed(room_id=room.id, at=at_ns)))
        with connect_database(engine) as connection:
            number = _places(engine, site).room(room.id)
            connection.execute(
                update(rooms).where(rooms.c.room_id == number).values(seats_confirmed_at=at)
            )
            note_confirmation(connection, site, room.id, number, at)
            connection.commit()
    labels = {seat.label for camera in cameras for seat in camera.seats}
    console.print(
        f"Room {room.id}: the {len(labels)} seats are confirmed from "
        f"{at.astimezone(site.time_zone):%H:%M:%S} on.",
        highlight=False,
    )


def room_of(site: Site, room_id: str) -> Room:
    """The room of that id. Raises: SettingsError: there is none."""
    room = site.room(room_id)
    if room is None:
        known = ", ".join(sorted(room.id for room in site.rooms))
        raise SettingsError(f"there is no room {room_id!r} in this site; its rooms are {known}")
    return room


def _seats(
    site: Site, room: Room, engine: Engine, client: Client, second: int
) -> list[CameraSeats]:
    places = _places(engine, site)
    with connect_database(engine) as connection:
        bits = mask_bits(connection, site.site.id)
    plan = plan_in_force(build_plan(site, room, bits, second * NS), second)
    if any(camera.seats for camera in plan.cameras):
        return seats_of_room(plan, None)
    seen = look_at_room(client, Store(engine, places), places.room(room.id), room.id)
    return seats_of_room(plan, seen.state)


def _places(engine: Engine, site: Site) -> Places:
    places = Places(site.site.id)
    with connect_database(engine) as connection:
        places.load(connection)
    return places


def _confirmed_at(engine: Engine, site: Site, room: Room) -> dt.datetime | None:
    number = _places(engine, site).room(room.id)
    with connect_database(engine) as connection:
        query = select(rooms.c.seats_confirmed_at).where(rooms.c.room_id == number)
        at: dt.datetime | None = connection.execute(query).scalar_one()
    return at


def _nothing_yet(site: Site, room: Room) -> str:
    if not site.rules.per_student:
        return (
            f"room {room.id!r} has no drawn seats, and policy {site.rules.profile!r} has no "
            "figures of students: no seats are looked for"
        )
    return (
        f"room {room.id!r} has no drawn seats and none were found yet: let it run for a lesson; "
        "where a face stays for a minute or more is a seat"
    )


def _about(cameras: Sequence[CameraSeats]) -> str:
    if any(camera.is_drawn for camera in cameras):
        return "these seats are drawn in the site file"
    text = "these seats were found: look them over before you paste them"
    several = sum(bool(camera.seats) for camera in cameras) > 1
    return f"{text}; each camera has its own" if several else text


def _about_confirmation(at: dt.datetime | None, zone: ZoneInfo) -> str:
    if at is None:
        return "nobody has confirmed them"
    return f"confirmed on {at.astimezone(zone):%Y-%m-%d at %H:%M}"
