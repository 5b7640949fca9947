"""The disturbed lesson: servers, two workers, two aggregators, ingest, cameras over real RTSP."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import redis
import sqlalchemy as sa

from deploy.chaos.books import frames_in_flight
from deploy.chaos.errors import ChaosError
from deploy.chaos.executioner import AGGREGATORS, WORKERS
from deploy.chaos.recorder import Recorder
from deploy.chaos.servers import ChaosServers
from deploy.demo.readiness import start_cameras
from deploy.local.supervisor import Service, Supervisor
from deploy.simulator.film import Simulation
from deploy.simulator.site_file import write_site_file
from schemas.database import create_engine, upgrade
from schemas.fault_points import VARIABLE
from schemas.messages import FrameFaces, Tick, encode
from schemas.site_file import load_site
from schemas.streams import GROUP_WORKERS, faces_stream, frames_stream
from schemas.sync import sync_site
from schemas.transport import TransportError, connect
from schemas.transport.entries import id_order

_LOOK_EVERY_S: Final = 0.1
_RESTART_AFTER_S: Final = 0.2
_LAST_ENTRIES: Final = 200
_A_MINUTE_MS: Final = 70_000
_AWAY: Final = (redis.RedisError, TransportError, sa.exc.OperationalError, sa.exc.InterfaceError)


class ChaosLesson:
    """Runs it; use it as a context manager.

    Args:
        folder: of logs and files.
        simulation: rooms and films, which are played again and again.
        servers: started.
        on_look: called at every look.
    """

    def __init__(
        self,
        folder: Path,
        simulation: Simulation,
        servers: ChaosServers,
        on_look: Callable[[], None] = lambda: None,
    ) -> None:
        self.supervisor = Supervisor(folder / "logs", longest_delay_s=_RESTART_AFTER_S)
        self.orders = folder / "points"
        self.servers = servers
        self.database_url = servers.known.settings.require_database_url()
        self.engine = create_engine(self.database_url)
        self.faces = connect(servers.known.settings.require_faces_url())
        self.frames = connect(servers.known.settings.require_frames_url())
        self._folder = folder
        self._simulation = simulation
        self._site_path = folder / "site.yaml"
        self._on_look = on_look

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.supervisor.stop()
        self.engine.dispose()
        self.faces.close()
        self.frames.close()

    # --- start and end ---------------------------------------------------------------------

    def start(self) -> None:
        """Everything, cameras last; returns when a meeting is open.

        Raises:
            FacePoseError: something does not start.
        """
        self.orders.mkdir(exist_ok=True)
        for order in self.orders.iterdir():
            order.unlink()
        self._write_site(lambda camera: f"rtsp://127.0.0.1:1/{camera}")
        self.site = load_site(self._site_path)
        self.synced_at = dt.datetime.now(dt.UTC)
        upgrade(self.database_url, now=self.synced_at)
        sync_site(self.engine, self.site, at=self.synced_at)
        self.recorder = Recorder(self.faces, [room.id for room in self.site.rooms])
        for name in (*WORKERS, *AGGREGATORS):
            self._start(name)
        self.until(self._all_workers_read, "the workers' first read", 120)
        cameras = start_cameras(
            self._simulation, self._folder, self.servers.known, self.supervisor, loop=True
        )
        self._write_site(lambda camera: f"{cameras.url}/{camera}")
        self._start("ingest")
        self.until(self._meetings_are_open, "a meeting in every room", 120)

    def end(self) -> None:
        """Close the cameras, wait for the last frame, and let a minute pass in the log."""
        since_ns = time.time_ns()
        self.until(lambda: self._is_seen(since_ns), "all services to work again", 60)
        self.supervisor.stop(["ingest"])
        self.until(lambda: not any(self.in_flight().values()), "the workers to finish", 60)
        last = {room: self._append_ticks(room) for room in self.recorder.entries}
        self.until(
            lambda: all(id_order(self.position(room)) >= id_order(last[room]) for room in last),
            "the aggregators to reach the last entry",
            60,
        )
        self.supervisor.stop([*AGGREGATORS, *WORKERS])
        self.recorder.collect()

    # --- waiting ---------------------------------------------------------------------------

    def look(self) -> None:
        """Start again what died, and read the log."""
        self.servers.look()
        self.supervisor.watch()
        self.recorder.collect()
        self._on_look()

    def until(self, condition: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Look until `condition` holds, which may ask servers that are away.

        Raises:
            ChaosError: it never does.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            self.look()
            with suppress(*_AWAY):
                if condition():
                    return
            if time.monotonic() > deadline_s:
                raise ChaosError(
                    f"waited {timeout_s:g} s for {what}; logs are in {self._folder / 'logs'}"
                )
            time.sleep(_LOOK_EVERY_S)

    def for_seconds(self, seconds: float) -> None:
        """Look for so long."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self.look()
            time.sleep(_LOOK_EVERY_S)

    def position(self, room: str) -> str:
        """The last entry that was committed."""
        query = sa.text(
            "SELECT position FROM room_state JOIN rooms USING (room_id) WHERE slug = :slug"
        )
        with self.engine.connect() as connection:
            return connection.execute(query, {"slug": room}).scalar() or "0-0"

    def in_flight(self) -> dict[str, int]:
        """Frames that no worker has settled, by camera."""
        return frames_in_flight(self.frames, [camera.id for _, camera in self.site.cameras()])

    # --- parts -----------------------------------------------------------------------------

    def _start(self, name: str) -> None:
        service = name.partition("-")[0]
        environment = {**self.servers.known.environment, VARIABLE: str(self.orders)}
        arguments = (service, str(self._site_path))
        self.supervisor.start(Service(name, arguments, environment))

    def _write_site(self, url_of: Callable[[str], str]) -> None:
        write_site_file(self._site_path, self._simulation, url_of)

    def _all_workers_read(self) -> bool:
        _room, camera = next(self.site.cameras())
        stream = frames_stream(camera.id)
        if not self.frames.exists(stream):
            return False
        groups = self.frames.xinfo_groups(stream)
        reading = [g["consumers"] for g in groups if g["name"] == GROUP_WORKERS.encode()]
        return bool(reading) and reading[0] >= len(WORKERS)

    def _meetings_are_open(self) -> bool:
        query = sa.text("SELECT count(DISTINCT meeting_id) FROM attention_windows")
        with self.engine.connect() as connection:
            return int(connection.execute(query).scalar_one()) >= len(self.recorder.entries)

    def _is_seen(self, since_ns: int) -> bool:
        """Whether a picture of every camera that was taken since then is analysed."""
        seen = {
            message.camera_id
            for entries in self.recorder.entries.values()
            for _, message in entries[-_LAST_ENTRIES:]
            if isinstance(message, FrameFaces) and message.captured_at >= since_ns
        }
        return seen >= {camera.id for _, camera in self.site.cameras()}

    def _append_ticks(self, room: str) -> str:
        """The tick that an aggregator would append to a room that is silent for a minute."""
        seconds, micros = self.faces.time()
        later_ms = int(seconds) * 1000 + int(micros) // 1000 + _A_MINUTE_MS
        fields: dict[Any, Any] = dict(encode(Tick(room_id=room)))
        self.faces.xadd(faces_stream(room), fields, id=f"{later_ms}-0")
        return f"{later_ms}-0"
