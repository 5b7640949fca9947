"""Body of `facepose bench aggregate`: how many rooms one core of an aggregator can serve.

Generated observations of whole classes are put into a real Valkey, and an aggregator as in service
reads, decodes, tracks, scores and commits them into a real PostgreSQL as fast as it can. Its clock
is that of the observations. What counts is its own processor time; servers are counted apart.
"""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import psutil
from prometheus_client import CollectorRegistry
from sqlalchemy import func, select

from aggregator.garbage import collecting_seldom
from aggregator.loop import Aggregator
from aggregator.metrics import AggregatorMetrics
from aggregator.runner import build_aggregator, holder_name
from deploy.bench.aggregate_log import FRONT_DEG, ClassroomLog, seat_polygon
from deploy.bench.cpu_samples import CpuSamples
from deploy.bench.errors import BenchError
from deploy.local.servers import EmbeddedPostgres, EmbeddedValkey
from schemas import tables
from schemas.database import create_engine, upgrade
from schemas.site import Site
from schemas.streams import faces_stream
from schemas.sync import sync_site
from schemas.transport import Client, connect

WARM_UP_S: Final = 70  # seats lock after 30 s, a minute's rows are written
_LEAD_S: Final = 120  # entries' ids lie behind what the server's own clock gives
_MEMORY_MB: Final = 2048
_SINCE: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

# By a part of a source file's path; what a stage calls elsewhere is its own.
STAGES: Final = {
    "schemas/transport/log.py": "read",
    "schemas/transport/entries.py": "read",
    "schemas/messages.py": "decode",
    "aggregator/held_room.py": "room",
    "aggregator/room.py": "room",
    "aggregator/inbox.py": "room",
    "aggregator/accounting.py": "books",
    "aggregator/camera_minute.py": "books",
    "aggregator/tracking.py": "tracks",
    "aggregator/tracks.py": "tracks",
    "aggregator/seats.py": "seats",
    "aggregator/regions.py": "seats",
    "aggregator/seat_change.py": "seats",
    "aggregator/identity.py": "seats",
    "aggregator/calibration/": "calibration",
    "aggregator/places.py": "seats",
    "aggregator/cameras.py": "views",
    "aggregator/views.py": "views",
    "aggregator/lesson.py": "sums",
    "aggregator/cells.py": "cells",
    "aggregator/eyes.py": "cells",
    "aggregator/people.py": "sums",
    "aggregator/windows.py": "sums",
    "aggregator/results.py": "rows",
    "aggregator/room_state.py": "snapshot",
    "aggregator/sealing.py": "snapshot",
    "aggregator/store.py": "commit",
    "aggregator/bulk_insert.py": "commit",
    "aggregator/row_values.py": "commit",
    "aggregator/meeting_writes.py": "commit",
    "aggregator/leases.py": "leases",
    "aggregator/loop.py": "loop",
}


@dataclass(frozen=True, slots=True)
class AggregateOptions:
    """What to do.

    Attributes:
        rooms: served at once, each with one camera.
        seconds: of observations, after the warm-up.
        students: in each room.
        fps: analysed frames a second.
    """

    rooms: int
    seconds: int
    students: int
    fps: int


@dataclass(slots=True)
class AggregateRun:
    """What was measured.

    Attributes:
        cpu_s: processor time of the aggregator for each second of observations.
        postgres_cpu_s: of all processes of the database.
        wall_s: time spent in the aggregator's steps.
        entries: that it took.
        rows: that it committed.
        faces: in the observations.
        rss_kb: resident memory of this process, after each second.
        snapshot_bytes: mean size of a room's state, as stored at the end.
        commit_s: how long each commit took.
        stages: shares of the processor time.
    """

    cpu_s: list[float] = field(default_factory=list)
    postgres_cpu_s: float = 0.0
    wall_s: float = 0.0
    entries: int = 0
    faces: int = 0
    rows: int = 0
    rss_kb: list[int] = field(default_factory=list)
    snapshot_bytes: float = 0.0
    commit_s: list[float] = field(default_factory=list)
    stages: dict[str, float] = field(default_factory=dict)


class _CommitClock:
    """In the place of the metric of commits: keeps every duration."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    @contextmanager
    def time(self) -> Iterator[None]:
        """Time what is done inside."""
        start = time.perf_counter()
        yield
        self.seconds.append(time.perf_counter() - start)


class _Bench:
    """Rooms, their logs, the aggregator and the clock that all follow."""

    def __init__(self, options: AggregateOptions, database_url: str, faces_url: str) -> None:
        self.options = options
        self.site = bench_site(options)
        upgrade(database_url, now=dt.datetime.now(dt.UTC))
        self.engine = create_engine(database_url)
        sync_site(self.engine, self.site, at=_SINCE)
        self.client: Client = connect(faces_url)
        self.now = (int(time.time()) + _LEAD_S) // 60 * 60
        self.commits = _CommitClock()
        self.registry = CollectorRegistry()
        self.samples = CpuSamples(STAGES)
        self.aggregator = self._aggregator()
        self.logs = [
            ClassroomLog(room.id, room.cameras[0].id, options.students, options.fps, seed)
            for seed, room in enumerate(self.site.rooms)
        ]

    def _aggregator(self) -> Aggregator:
        metrics = AggregatorMetrics(self.registry)
        metrics.commit_seconds = self.commits  # type: ignore[assignment]  # has its `time`
        return build_aggregator(
            self.site, self.engine, self.client, metrics, holder_name(), monotonic=self._clock
        )

    def _clock(self) -> float:
        return float(self.now)

    def publish(self) -> int:
        """Put the next second of every room into its log; the faces in it."""
        faces = 0
        pipeline = self.client.pipeline(transaction=False)
        for room, log in zip(self.site.rooms, self.logs, strict=True):
            stream = faces_stream(room.id)
            for entry_id, fields in log.second(self.now):
                pipeline.xadd(stream, cast("dict[Any, Any]", fields), id=entry_id)
            faces += log.faces_in_second
        pipeline.execute()
        return faces

    def play(self, seconds: int) -> AggregateRun:
        """Let the aggregator take so many seconds of observations; what that cost."""
        run = AggregateRun()
        self.samples.clear()
        first, rows, entries = len(self.commits.seconds), self._count("rows"), self._taken()
        postgres_s = postgres_cpu_s()
        for _ in range(seconds):
            run.faces += self.publish()
            self.now += 1
            wall, cpu = time.perf_counter(), time.process_time()
            with self.samples.watching():
                self.aggregator.step()
            run.cpu_s.append(time.process_time() - cpu)
            run.wall_s += time.perf_counter() - wall
            run.rss_kb.append(psutil.Process().memory_info().rss // 1024)
        run.postgres_cpu_s = postgres_cpu_s() - postgres_s
        run.commit_s = self.commits.seconds[first:]
        run.rows, run.entries = self._count("rows") - rows, self._taken() - entries
        run.stages = self.samples.shares
        run.snapshot_bytes = self._snapshot_bytes()
        return run

    def _snapshot_bytes(self) -> float:
        size = func.avg(func.octet_length(tables.room_state.c.snapshot))
        with self.engine.connect() as connection:
            return float(connection.execute(select(size)).scalar_one())

    def _count(self, metric: str) -> int:
        return sum(
            int(sample.value)
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == f"facepose_aggregator_{metric}_total"
        )

    def _taken(self) -> int:
        return self._count("entries")

    def close(self) -> None:
        """Give the rooms back."""
        self.aggregator.finish()
        self.engine.dispose()
        self.client.close()


def measure(options: AggregateOptions) -> AggregateRun:
    """Play the observations; the warm-up is not counted.

    Raises:
        BenchError: a room was lost, so that the figures would be too good.
        LocalError: a server did not start.
    """
    with _servers() as (database_url, faces_url):
        bench = _Bench(options, database_url, faces_url)
        try:
            with collecting_seldom():  # as in service
                bench.play(WARM_UP_S)
                run = bench.play(options.seconds)
        finally:
            bench.close()
    expected = options.rooms * options.seconds * (options.fps + 1)
    if run.entries != expected:
        raise BenchError(f"the aggregator took {run.entries} of {expected} entries")
    return run


@contextmanager
def _servers() -> Iterator[tuple[str, str]]:
    """Urls of a PostgreSQL that writes to its disk before it answers, and of a Valkey."""
    with tempfile.TemporaryDirectory(prefix="facepose-bench-") as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres")
        valkey = EmbeddedValkey(Path(folder) / "valkey", persistent=False, maxmemory_mb=_MEMORY_MB)
        try:
            yield postgres.start(), valkey.start()
        finally:
            valkey.stop()
            postgres.stop()


def bench_site(options: AggregateOptions) -> Site:
    """So many rooms, each with a camera and drawn, calibrated seats."""
    yaw, pitch = FRONT_DEG
    seats = {
        f"S{i + 1}": {"polygon": seat_polygon(i, options.students)} for i in range(options.students)
    }
    return Site.model_validate(
        {
            "version": 1,
            "site": {"id": "bench", "time_zone": "Europe/Amsterdam"},
            "policy": "demo",
            "rooms": [
                _room(number, options.fps, seats, yaw, pitch) for number in range(options.rooms)
            ],
        }
    )


def _room(
    number: int, fps: int, seats: Mapping[str, object], yaw: float, pitch: float
) -> dict[str, object]:
    camera = {
        "id": f"cam-{number:04}",
        "url": f"rtsp://camera/{number}",
        "analysis_fps": fps,
        "calibration": {"yaw_deg": yaw, "pitch_deg": pitch},
        "seats": seats,
    }
    return {"id": f"room-{number:04}", "cameras": [camera]}


def postgres_cpu_s() -> float:
    """Processor time of all processes of the databases that this process started."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            if "postgres" in process.name():
                times = process.cpu_times()
                total += times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return total
