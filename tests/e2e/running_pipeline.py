"""The whole pipeline on one machine for a test: servers, services, cameras, and its log."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import redis
import sqlalchemy as sa
from pydantic import SecretStr

from aggregator.room import Room
from aggregator.rows import AttentionWindowRow, Rows
from deploy.local.servers import EmbeddedPostgres, EmbeddedValkey
from deploy.local.stack import Servers, Stack
from deploy.local.supervisor import Service, Supervisor
from deploy.simulator.film import Simulation
from deploy.simulator.site_file import write_site_file
from schemas.database import create_engine, upgrade
from schemas.messages import (
    CameraStatus,
    EndOfStream,
    FrameFaces,
    RoomMessage,
    Tick,
    decode_room_message,
    encode,
)
from schemas.settings import Settings
from schemas.site_file import load_site
from schemas.streams import GROUP_WORKERS, faces_stream, frames_stream
from schemas.sync import sync_site

POLL_S = 0.2
MINUTE_MS = 70_000
WINDOWS = sa.text(
    """
    SELECT r.slug AS room, s.label AS seat, w.*, extract(epoch FROM window_start)::bigint AS start
    FROM attention_windows w JOIN rooms r USING (room_id)
    JOIN participations p USING (participation_id) LEFT JOIN seats s ON s.seat_id = p.seat_id
    ORDER BY w.participation_id, window_start
    """
)
CAMERAS = sa.text(
    """
    SELECT k.slug AS camera, sum(frames_published) AS published, sum(frames_analysed) AS analysed,
           sum(frames_expired) AS expired, sum(frames_dead) AS dead, sum(frames_lost) AS lost,
           sum(frames_refused) AS refused, sum(frames_late) AS late, sum(reconnects) AS reconnects
    FROM camera_minutes JOIN cameras k USING (camera_id) GROUP BY k.slug ORDER BY k.slug
    """
)
Entries = list[tuple[str, RoomMessage]]


class Pipeline:
    """Servers of its own in `folder`; the services of `simulation`'s site as child processes."""

    def __init__(self, folder: Path, simulation: Simulation, *, expression: bool = True) -> None:
        self.folder = folder
        self.simulation = simulation
        self.expression = expression
        self.frames = EmbeddedValkey(folder / "frames", persistent=False, maxmemory_mb=128)
        self.faces = EmbeddedValkey(folder / "faces", persistent=True, maxmemory_mb=256)
        self.postgres = EmbeddedPostgres(folder / "postgres", durable=True)
        self.supervisor = Supervisor(folder / "logs")
        self.site_path = folder / "site.yaml"
        self.started_at_ns = 0
        self.entries: dict[str, Entries] = {room.id: [] for room in simulation.rooms}
        self._last_ids: dict[str, str] = {}

    # --- start and end --------------------------------------------------------------------

    def start(self) -> None:
        """Everything, in the demo's order: cameras last, so that no second is missed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.servers = Servers(
            Settings(
                frames_url=SecretStr(self.frames.start()),
                faces_url=SecretStr(self.faces.start()),
                database_url=SecretStr(self.postgres.start()),
            )
        )
        self.engine = create_engine(self.servers.settings.require_database_url())
        self.frames_client = redis.Redis.from_url(self.servers.settings.require_frames_url())
        self.faces_client = redis.Redis.from_url(self.servers.settings.require_faces_url())
        self.keep_whole_log()
        self._write_site(lambda camera: f"rtsp://127.0.0.1:1/{camera}")
        self.site = load_site(self.site_path)
        now = dt.datetime.now(dt.UTC)
        upgrade(self.servers.settings.require_database_url(), now=now)
        sync_site(self.engine, self.site, at=now)
        self.stack = Stack(self.site_path, self.site, self.servers, self.supervisor)
        self.stack.start(("worker", "aggregator"))
        self.until(self._worker_reads, "the worker's first read", 120)
        self._start_cameras()
        self.stack.start(("ingest",))

    def end_lesson(self) -> None:
        """Close the cameras, wait for the last frame, and let a minute pass in the log."""
        self.stack.stop_ingest()
        self.until(self.nothing_in_flight, "the worker to finish", 30)
        self.let_a_minute_pass()

    def let_a_minute_pass(self) -> None:
        """Append the ticks that the aggregator itself would append to silent rooms in a minute."""
        ticks = {}
        for room in self.entries:
            later_ms = int(self._server_ms()) + MINUTE_MS
            tick = self.faces_client.xadd(
                faces_stream(room), dict(encode(Tick(room_id=room))), id=f"{later_ms}-0"
            )
            ticks[room] = int(tick.partition(b"-")[0])
        self.until(
            lambda: all(self.position(room)[0] >= at for room, at in ticks.items()),
            "the aggregator to reach the last tick",
            30,
        )

    def close(self) -> None:
        """Stop every process that was started here."""
        self.supervisor.stop()
        for name in ("engine", "frames_client", "faces_client"):
            if (resource := getattr(self, name, None)) is not None:
                resource.dispose() if name == "engine" else resource.close()
        for server in (self.frames, self.faces, self.postgres):
            server.stop()

    # --- waiting --------------------------------------------------------------------------

    def until(self, condition: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Watch over the services and collect the log until `condition` holds."""
        deadline_s = time.monotonic() + timeout_s
        while not self.look(condition):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"waited {timeout_s:g} s for {what}\n{self.last_words()}")
            time.sleep(POLL_S)

    def look(self, condition: Callable[[], bool] = lambda: False) -> bool:
        """One round of watching; False also while a server is away."""
        self.supervisor.watch()
        try:
            self.collect()
            return condition()
        except (redis.RedisError, sa.exc.OperationalError):
            return False

    def for_seconds(self, seconds: float) -> None:
        """Watch for that long."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self.look()
            time.sleep(POLL_S)

    def until_scored_after(self, since_s: float, timeout_s: float = 75) -> None:
        """Wait for a scored window in every room that began after `since_s` (Unix time)."""

        def scored() -> bool:
            after = [row for row in self.windows() if row.start >= since_s]
            return {row.room for row in after if row.score is not None} == set(self.entries)

        self.until(scored, "scores of afterwards", timeout_s)

    def last_words(self) -> str:
        names = [*self.supervisor.restarts]
        return "\n".join(f"--- {name}\n{self.supervisor.last_words(name)}" for name in names)

    # --- what can be seen -----------------------------------------------------------------

    def rows(self, query: sa.TextClause | str, **values: object) -> Sequence[sa.Row[Any]]:
        statement = sa.text(query) if isinstance(query, str) else query
        with self.engine.connect() as connection:
            return connection.execute(statement, values).all()

    def windows(self) -> Sequence[sa.Row[Any]]:
        return self.rows(WINDOWS)

    def position(self, room: str) -> tuple[int, int]:
        query = "SELECT position FROM room_state JOIN rooms USING (room_id) WHERE slug = :slug"
        rows = self.rows(query, slug=room)
        return entry_key(rows[0].position) if rows else (0, 0)

    def nothing_in_flight(self) -> bool:
        """Whether the workers have taken and acknowledged every frame."""
        for _, camera in self.site.cameras():
            stream = frames_stream(camera.id)
            for group in self.frames_client.xinfo_groups(stream):
                newest = self.frames_client.xinfo_stream(stream)["last-generated-id"]
                if group["pending"] or group["last-delivered-id"] != newest:
                    return False
        return True

    def keep_whole_log(self) -> None:
        """Streams of one node each: approximate trimming, which drops whole nodes, drops none."""
        self.faces_client.config_set("stream-node-max-bytes", 0)
        self.faces_client.config_set("stream-node-max-entries", 0)

    def collect(self) -> None:
        """Copy what is new in the rooms' logs."""
        for room, entries in self.entries.items():
            after = self._last_ids.get(room, "0")
            new = self.faces_client.xrange(faces_stream(room), min=f"({after}", max="+")
            entries += [(entry_id.decode(), decode_room_message(f)) for entry_id, f in new]
            if new:
                self._last_ids[room] = new[-1][0].decode()

    def expected_rows(self) -> Rows:
        """What undisturbed rooms make of the collected log, as far as it was committed."""
        rows: Rows = []
        for name, entries in self.entries.items():
            room, upto = Room.new(name), self.position(name)
            for entry_id, message in entries:
                if entry_key(entry_id) <= upto:
                    rows += room.feed(entry_id, message)
        return rows

    def sampled_frames(self) -> dict[str, int]:
        """Frames by camera that ingest sampled, by what it and the workers say about `seq`."""
        newest: dict[tuple[str, str], int] = {}
        for entries in self.entries.values():
            for _, message in entries:
                seq = _seq(message)
                if seq is not None:
                    key = (seq[0], seq[1])
                    newest[key] = max(newest.get(key, -1), seq[2])
        frames: dict[str, int] = {}
        for (camera, _epoch), last in newest.items():
            frames[camera] = frames.get(camera, 0) + last + 1
        return frames

    def records(self, outcome: str) -> dict[str, int]:
        """Distinct frames by camera with a record of that outcome in the log."""
        known: set[tuple[str, str, int]] = {
            (message.camera_id, message.epoch, message.seq)
            for entries in self.entries.values()
            for _, message in entries
            if isinstance(message, FrameFaces) and message.outcome == outcome
        }
        return {
            camera.id: sum(one[0] == camera.id for one in known)
            for _, camera in self.site.cameras()
        }

    # --- parts ----------------------------------------------------------------------------

    def _write_site(self, url_of: Callable[[str], str]) -> None:
        write_site_file(self.site_path, self.simulation, url_of, expression=self.expression)

    def _start_cameras(self) -> None:
        announce = self.folder / "cameras.json"
        arguments = ("simulate-cameras", str(self.simulation.folder), "--announce", str(announce))
        self.supervisor.start(Service("cameras", arguments, self.servers.environment))
        self.until(announce.exists, "the cameras", 30)
        said = json.loads(announce.read_text(encoding="utf-8"))
        self.started_at_ns = said["started_at_ns"]
        self._write_site(lambda camera: f"{said['url']}/{camera}")

    def _worker_reads(self) -> bool:
        _room, camera = next(self.site.cameras())
        stream = frames_stream(camera.id)
        if not self.frames_client.exists(stream):
            return False
        groups = self.frames_client.xinfo_groups(stream)
        return any(g["consumers"] for g in groups if g["name"] == GROUP_WORKERS.encode())

    def _server_ms(self) -> int:
        seconds, micros = self.faces_client.time()
        return int(seconds) * 1000 + int(micros) // 1000


def entry_key(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)


def window_key(row: AttentionWindowRow | sa.Row[Any]) -> tuple[object, ...]:
    """A window without its place: equal for a row of the database and one of a `Room`."""
    start = row.window_start if isinstance(row, AttentionWindowRow) else row.start
    names = (
        "participation_id meeting_id cam_mask window_s score sum_x n_obs n_exp confidence n_front "
        "n_desk_recent n_desk_stale n_peer n_away n_noface eye_valid eye_closed yaw_med_cd "
        "pitch_med_cd motion_cd face_px missing_reason state"
    )
    return (start, *(getattr(row, name) for name in names.split()))


def _seq(message: RoomMessage) -> tuple[str, str, int] | None:
    if isinstance(message, FrameFaces):
        return message.camera_id, message.epoch, message.seq
    if isinstance(message, CameraStatus | EndOfStream) and message.epoch:
        return message.camera_id, message.epoch, message.last_seq
    return None
