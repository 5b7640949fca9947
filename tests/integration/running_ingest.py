"""A group of cameras in a thread of the test, and what it put into real servers.

The processes around a group are tested with real processes: `ingest_process.py`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import redis

from ingest.camera_report import CameraReport
from ingest.camera_spec import spec_of
from ingest.groups.group import CameraGroup, open_group
from ingest.groups.protocol import Order
from schemas.messages import CameraStatus, Frame, RoomMessage, decode_frame, decode_room_message
from schemas.settings import Settings
from schemas.site import Site
from schemas.site_file import parse_site
from schemas.streams import faces_stream, frames_stream

Value = TypeVar("Value")
PATIENCE_S = 40


def site_of(*cameras: str) -> Site:
    """A site with one room `r1` and these cameras, each a YAML flow mapping."""
    lines = "\n".join(f"      - {camera}" for camera in cameras)
    return parse_site(
        "version: 1\n"
        "site: {id: school, time_zone: Europe/Amsterdam}\n"
        "policy: demo\n"
        f"rooms:\n  - id: r1\n    cameras:\n{lines}\n"
    )


class RunningIngest:
    """What a test may ask a running group."""

    def __init__(self, group: CameraGroup, stop: threading.Event) -> None:
        self.stop = stop
        self._group = group

    def report(self, camera_id: str = "c1") -> CameraReport:
        """The camera's condition and counters."""
        return next(c for c in self._group.report().cameras if c.camera_id == camera_id)

    def reconnects(self, camera_id: str = "c1") -> int:
        """Connections that ended."""
        return sum(self.report(camera_id).ended.values())


@contextmanager
def running_ingest(
    site: Site, frames_url: str, faces_url: str = "", *, folder: Path = Path(), **environ: str
) -> Iterator[RunningIngest]:
    """The site's cameras are read inside; stopped cleanly at the end, and an error raised here."""
    stop = threading.Event()
    errors: list[BaseException] = []
    settings = Settings(FRAMES_URL=frames_url, FACES_URL=faces_url or frames_url)
    specs = tuple(spec_of(room, camera, folder, environ) for room, camera in site.cameras())

    def target() -> None:
        try:
            group.run(stop, lambda: None)
            group.shut_down()
        except BaseException as exc:  # handed to the test's own thread
            errors.append(exc)

    with open_group(settings) as group:
        group.follow(Order(cameras=specs))
        thread = threading.Thread(target=target)
        thread.start()
        try:
            yield RunningIngest(group, stop)
        finally:
            stop.set()
            thread.join(30)
    assert not thread.is_alive()
    if errors:
        raise errors[0]


def wait_for(get: Callable[[], Value | None], what: str) -> Value:
    """The first value of `get` that is neither None nor empty nor False."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        value = get()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited {PATIENCE_S} s in vain for {what}")


class Seen:
    """What the servers hold."""

    def __init__(self, frames_url: str, faces_url: str = "") -> None:
        self._frames = redis.Redis.from_url(frames_url)
        self._faces = redis.Redis.from_url(faces_url or frames_url)

    def frames(self, camera_id: str = "c1") -> list[tuple[Frame, bytes]]:
        entries = self._frames.xrange(frames_stream(camera_id))
        return [decode_frame(fields) for _, fields in entries]

    def frame_times_ms(self, camera_id: str = "c1") -> list[int]:
        """When the server took each frame."""
        entries = self._frames.xrange(frames_stream(camera_id))
        return [int(entry_id.split(b"-")[0]) for entry_id, _ in entries]

    def log(self, room_id: str = "r1") -> list[RoomMessage]:
        return [
            decode_room_message(fields) for _, fields in self._faces.xrange(faces_stream(room_id))
        ]

    def statuses(self, camera_id: str = "c1") -> list[CameraStatus]:
        return [m for m in self.log() if isinstance(m, CameraStatus) and m.camera_id == camera_id]
