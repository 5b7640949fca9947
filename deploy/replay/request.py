"""What `facepose replay` is to send: which films, of which cameras, from when on."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.replay.errors import ReplayRequestError
from ingest.recording.recorded_films import RecordedCamera, length_ns
from ingest.stream.timestamps import NS
from schemas.room_plan import RecordedMeeting
from schemas.site import Camera, Room, Site


@dataclass(frozen=True)
class ReplayRequest:
    """One recording.

    Attributes:
        room: with only those cameras that recorded something.
        cameras: with their films.
        start: aware, UTC.
        class_id: of the meeting; empty: none.
        run_id: the same films, cameras and start give the same run.
        length_s: of the longest camera's films, by their own word; 0: they do not say.
    """

    room: Room
    cameras: tuple[RecordedCamera, ...]
    start: dt.datetime
    class_id: str
    activity: str
    run_id: str
    length_s: float

    @property
    def start_ns(self) -> int:
        """Unix time."""
        return (
            (self.start - dt.datetime(1970, 1, 1, tzinfo=dt.UTC))
            // dt.timedelta(microseconds=1)
            * 1000
        )

    @property
    def recording(self) -> RecordedMeeting:
        """The meeting, as the room's log tells of it."""
        return RecordedMeeting(
            start=self.start_ns // NS, class_id=self.class_id, activity=self.activity
        )


def read_request(
    site: Site,
    films: Sequence[str],
    *,
    room_id: str,
    start: dt.datetime,
    class_id: str,
    activity: str,
    now: dt.datetime,
) -> ReplayRequest:
    """The request, checked; the films are opened and read once for their hashes.

    Raises:
        ReplayRequestError: something named does not exist, or the film would end in the future.
        ReplayError: a film cannot be read.
    """
    room = site.room(room_id)
    if room is None:
        known = ", ".join(room.id for room in site.rooms[:20])
        raise ReplayRequestError(f"the site file has no room {room_id!r}; it has {known}")
    classes = {rule.class_id for rule in site.timetable if rule.class_id}
    if class_id and class_id not in classes:
        raise ReplayRequestError(
            f"no lesson of the timetable names the class {class_id!r}; "
            f"known are {', '.join(sorted(classes)) or 'none'}"
        )
    cameras = _recorded(room, _by_camera(room, films))
    length_s = max(length_ns(camera.films) for camera in cameras) / NS
    if start + dt.timedelta(seconds=length_s) > now:
        raise ReplayRequestError(
            f"a film from {start.isoformat(' ', 'seconds')} on ({length_s:.0f} s long) would end "
            "in the future: check --start"
        )
    ids = {camera.camera_id for camera in cameras}
    return ReplayRequest(
        room=room.model_copy(update={"cameras": tuple(c for c in room.cameras if c.id in ids)}),
        cameras=cameras,
        start=start,
        class_id=class_id,
        activity=activity,
        run_id=_run_id(site.site.id, start, cameras),
        length_s=length_s,
    )


def run_prefix(start: dt.datetime) -> str:
    """What the ids of all runs begin with that start in the same second."""
    return f"film-{start:%Y%m%dt%H%M%Sz}-"


def _by_camera(room: Room, films: Sequence[str]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for text in films:
        camera, film = _camera_and_film(room, text)
        if not camera.enabled:
            raise ReplayRequestError(f"camera {camera.id!r} is not enabled in the site file")
        if not film.is_file():
            raise ReplayRequestError(f"{film}: there is no such film")
        found.setdefault(camera.id, []).append(film.absolute())
    return found


def _camera_and_film(room: Room, text: str) -> tuple[Camera, Path]:
    """`CAMERA=FILM`, or a film whose camera is told by its name, or by there being one only."""
    cameras = {camera.id: camera for camera in room.cameras}
    name, mark, rest = text.partition("=")
    if mark and name in cameras:
        return cameras[name], Path(rest)
    film = Path(text)
    if mark and not film.exists():
        raise ReplayRequestError(
            f"{text}: room {room.id!r} has no camera {name!r}; it has {', '.join(cameras)}"
        )
    if film.stem in cameras:
        return cameras[film.stem], film
    enabled = [camera for camera in room.cameras if camera.enabled]
    if len(enabled) == 1:
        return enabled[0], film
    raise ReplayRequestError(
        f"{text}: room {room.id!r} has several cameras; write CAMERA={text} with one of "
        f"{', '.join(cameras)}"
    )


def _recorded(room: Room, films: dict[str, list[Path]]) -> tuple[RecordedCamera, ...]:
    """In the site file's order, whatever the order on the command line."""
    return tuple(
        RecordedCamera(
            room_id=room.id,
            camera_id=camera.id,
            films=tuple(films[camera.id]),
            analysis_fps=camera.analysis_fps,
            region=camera.region,
        )
        for camera in room.cameras
        if camera.id in films
    )


def _run_id(site_id: str, start: dt.datetime, cameras: Iterable[RecordedCamera]) -> str:
    seen: dict[str, Path] = {}
    parts = [site_id, start.isoformat()]
    for camera in cameras:
        parts += [camera.room_id, camera.camera_id, f"{camera.analysis_fps}", f"{camera.region}"]
        for film in camera.films:
            digest = _sha256(film)
            if digest in seen:
                raise ReplayRequestError(f"{film} is the same film as {seen[digest]}")
            seen[digest] = film
            parts.append(digest)
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
    return f"{run_prefix(start)}{digest[:12]}"


def _sha256(film: Path) -> str:
    with film.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
