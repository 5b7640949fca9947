"""`facepose calibrate`: everybody looks at the board for 20 seconds, and that is the front."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.prompt import Confirm
from sqlalchemy import func, select

from deploy.calibrate.errors import CalibrationError
from deploy.calibrate.looks import MIN_FACES, CameraLooks, Measured
from deploy.calibrate.shown import show, site_file_block
from schemas.database import connect as connect_database
from schemas.database import create_engine
from schemas.errors import MessageError
from schemas.messages import CalibrationSet, FrameFaces, decode_room_message, encode
from schemas.room_plan import SeatDirection, SeatPlan
from schemas.settings import Settings
from schemas.site import Camera, Room, Site
from schemas.streams import faces_stream
from schemas.tables import room_leases, rooms, sites
from schemas.transport import Client, connect, last_id, publish, read_log, server_time_ns

DEFAULT_SECONDS: Final = 20.0
_BLOCK_MS: Final = 250
_ANNOUNCEMENT: Final = "Please ask everybody to look at the board now, and to keep looking at it."


@dataclass(frozen=True)
class CalibrateOptions:
    """The command line; see `facepose calibrate --help`."""

    room: str
    camera: str | None = None
    seconds: float = DEFAULT_SECONDS
    dry_run: bool = False
    yes: bool = False


def run_calibrate(
    site: Site,
    settings: Settings,
    options: CalibrateOptions,
    console: Console,
    stop: threading.Event,
) -> bool:
    """Measure, show, ask, publish; False when nothing was set.

    Raises:
        FacePoseError: it cannot be done now; the text says what to do.
    """
    room = room_of(site, options.room)
    cameras = _cameras(room, options.camera)
    today = dt.datetime.now(site.time_zone).date()
    looks = {camera.id: CameraLooks(camera.id, seats_on(camera, today)) for camera in cameras}
    if not options.dry_run:
        _require_aggregator(settings, site, room)
    with connect(settings.require_faces_url()) as client:
        console.print(_ANNOUNCEMENT)
        _watch(client, room, looks, options.seconds, console, stop)
        _require_faces(looks.values(), options.seconds)
        measured = {camera.id: looks[camera.id].measured() for camera in cameras}
        show(cameras, looks, measured, console)
        wanted = {
            name: [each for each in all_ if each.is_enough] for name, all_ in measured.items()
        }
        if not any(wanted.values()):
            raise CalibrationError(
                f"no seat was seen {MIN_FACES} times: try --seconds {options.seconds * 2:g}"
            )
        console.print("For the site file, where it wins over all that is measured:")
        console.print(site_file_block(cameras, wanted), markup=False, highlight=False)
        if options.dry_run or not (options.yes or _agrees(console)):
            console.print("Nothing was set.")
            return False
        _publish(client, room, wanted)
    console.print(
        f"Set. It holds from now on; `facepose calibrate SITE.YAML {room.id} --list` shows it."
    )
    return True


def room_of(site: Site, room_id: str) -> Room:
    """A room of the site. Raises: CalibrationError: there is none of that id."""
    room = site.room(room_id)
    if room is None:
        known = ", ".join(room.id for room in site.rooms)
        raise CalibrationError(f"the site file has no room {room_id!r}; it has {known}")
    return room


def seats_on(camera: Camera, day: dt.date) -> tuple[SeatPlan, ...]:
    """The camera's seat plan of a local day."""
    seats = camera.seats
    for plan in camera.seat_plans:
        if plan.valid_from <= day:
            seats = plan.seats
    return tuple(SeatPlan(label=label, polygon=s.polygon) for label, s in sorted(seats.items()))


def _cameras(room: Room, wanted: str | None) -> list[Camera]:
    enabled = [camera for camera in room.cameras if camera.enabled]
    chosen = [camera for camera in enabled if wanted in {None, camera.id}]
    if not chosen:
        known = ", ".join(camera.id for camera in enabled) or "none that is enabled"
        name = "a camera" if wanted is None else f"camera {wanted!r}"
        raise CalibrationError(f"room {room.id!r} has not {name}; it has {known}")
    return chosen


def _require_aggregator(settings: Settings, site: Site, room: Room) -> None:
    """Whoever reads the room's log has its lease; without one the command would wait unread."""
    lease = room_leases.c
    query = (
        select(lease.until > func.now())
        .select_from(room_leases)
        .join(rooms, rooms.c.room_id == lease.room_id)
        .join(sites, sites.c.site_id == rooms.c.site_id)
        .where(sites.c.slug == site.site.id, rooms.c.slug == room.id, lease.run_id == "")
    )
    engine = create_engine(settings.require_database_url(), pooled=False)
    with connect_database(engine) as connection:
        is_held = connection.execute(query).scalar_one_or_none()
    if not is_held:
        raise CalibrationError(
            f"no aggregator serves room {room.id!r} at the moment: start `facepose up SITE.YAML` "
            "or `facepose aggregator SITE.YAML`"
        )


def _watch(
    client: Client,
    room: Room,
    looks: Mapping[str, CameraLooks],
    seconds: float,
    console: Console,
    stop: threading.Event,
) -> None:
    """Read the room's log as it grows."""
    stream = faces_stream(room.id)
    position, end_s = last_id(client, stream), time.monotonic() + seconds
    bar = Progress(
        TextColumn("looking at the board: {task.fields[faces]} faces"),
        BarColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task = bar.add_task("looks", total=seconds, faces=0)
    with bar:
        while (left_s := end_s - time.monotonic()) > 0 and not stop.is_set():
            for entry in read_log(client, stream, position, block_ms=_BLOCK_MS):
                position = entry.entry_id
                try:
                    message = decode_room_message(entry.fields)
                except MessageError:
                    continue  # the aggregator's business
                if isinstance(message, FrameFaces) and message.camera_id in looks:
                    looks[message.camera_id].feed(message)
            faces = sum(each.faces for each in looks.values())
            bar.update(task, completed=seconds - max(left_s, 0.0), faces=faces)
    if stop.is_set():
        raise CalibrationError("stopped before anything was set")


def _require_faces(looks: Collection[CameraLooks], seconds: float) -> None:
    names = ", ".join(each.camera_id for each in looks)
    if not any(each.frames for each in looks):
        raise CalibrationError(
            f"no frame of {names} was analysed in {seconds:g} s: are `facepose ingest` and a "
            "worker running? `facepose check SITE.YAML` tells"
        )
    if not any(each.faces for each in looks):
        raise CalibrationError(
            f"{names}: no face with a head direction in {seconds:g} s; is anybody in the room, "
            "and are the faces large enough (`facepose check SITE.YAML`)?"
        )


def _agrees(console: Console) -> bool:
    if not console.is_terminal:
        raise CalibrationError("nobody can be asked here: add --yes to set these directions")
    return Confirm.ask("Set these directions?", console=console, default=True)


def _publish(client: Client, room: Room, wanted: Mapping[str, Sequence[Measured]]) -> None:
    at_ns = server_time_ns(client)
    for camera_id, seats in wanted.items():
        if not seats:
            continue
        directions = tuple(
            SeatDirection(label=s.label, yaw_deg=s.yaw_deg, pitch_deg=s.pitch_deg, n=s.faces)
            for s in seats
        )
        message = CalibrationSet(
            room_id=room.id, at=at_ns, camera_id=camera_id, directions=directions
        )
        publish(client, faces_stream(room.id), encode(message))
