"""Replays against real servers, with the run's worker and aggregator in threads of the test."""

from __future__ import annotations

import datetime as dt
import io
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import redis
from prometheus_client import CollectorRegistry
from rich.console import Console
from sqlalchemy import text

from aggregator.metrics import AggregatorMetrics
from aggregator.recorded_run import RecordedRun
from aggregator.retention import kept_from
from aggregator.runner import run_aggregator
from aggregator.store import _TABLES
from deploy.local.stack import Servers
from deploy.recording import Recording
from deploy.replay.film_start import parse_start
from deploy.replay.job import ReplayJob
from deploy.replay.request import ReplayRequest, read_request
from schemas.database import create_engine, upgrade
from schemas.settings import Settings
from schemas.site import Site
from schemas.sync import sync_site
from schemas.tables import metadata
from tests.fixtures_analyzer import StandInAnalyzer
from workers.metrics import WorkerMetrics
from workers.runner import run_worker

START = "2026-03-02T08:30:00+01:00"
NOW = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)
TABLES = tuple(table.fullname for table in metadata.sorted_tables)
RUNS = ("room_state", "room_leases")
ROWS = (*(table.name for table in _TABLES.values()), "site_day_curves")  # what an aggregator writes


def a_site(
    cameras: Sequence[str] = ("c1",),
    policy: str = "demo",
    region: Sequence[float] | None = None,
    **extra: object,
) -> Site:
    return Site.model_validate(
        {
            "version": 1,
            "site": {"id": "school", "time_zone": "Europe/Amsterdam"},
            "policy": policy,
            "rooms": [
                {"id": "r1", "cameras": [_camera(name, region) for name in cameras]},
                {"id": "r2", "cameras": [_camera("other")]},
            ],
            **extra,
        }
    )


def _camera(name: str, region: Sequence[float] | None = None) -> dict[str, object]:
    return {
        "id": name,
        "url": f"rtsp://camera/{name}",
        "analysis_fps": 2,
        "calibration": {"yaw_deg": 10.0, "pitch_deg": -5.0},
        "region": region,
    }


class Threads:
    """A run's worker and aggregator, as `deploy.replay.processes.Processes`."""

    def __init__(
        self, site: Site, analyzers: Sequence[StandInAnalyzer] | None = None, *, aggregates=True
    ) -> None:
        self.site = site
        self.analyzers = [StandInAnalyzer()] if analyzers is None else list(analyzers)
        self.aggregates = aggregates
        self.on_watch: Callable[[], None] = lambda: None
        self.errors: list[BaseException] = []
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, servers: Servers, recording: Recording) -> None:
        self._stop = threading.Event()
        for analyzer in self.analyzers:
            self._run(self._work, servers.settings, recording, analyzer)
        if self.aggregates:
            self._run(self._aggregate, servers.settings, recording)

    def watch(self) -> None:
        if self.errors:
            raise self.errors[0]
        self.on_watch()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()

    def _work(self, settings: Settings, recording: Recording, analyzer: StandInAnalyzer) -> None:
        run_worker(
            self.site,
            settings,
            stop=self._stop,
            analyzer=analyzer,
            metrics=WorkerMetrics(CollectorRegistry()),
            run_id=recording.run_id,
            room=recording.room,
        )

    def _aggregate(self, settings: Settings, recording: Recording) -> None:
        assert recording.room
        run = RecordedRun(recording.run_id, recording.room, kept_from(self.site.retention, NOW))
        metrics = AggregatorMetrics(CollectorRegistry())
        run_aggregator(self.site, settings, self._stop, metrics=metrics, run=run)

    def _run(self, target: Callable[..., None], *arguments: object) -> None:
        def guarded() -> None:
            try:
                target(*arguments)
            except BaseException as exc:  # handed to the test's own thread
                self.errors.append(exc)

        thread = threading.Thread(target=guarded)
        thread.start()
        self._threads.append(thread)


class ReplaySchool:
    """One synced site in real servers, and replays into it."""

    def __init__(self, database_url: str, frames_url: str, faces_url: str, site: Site) -> None:
        upgrade(database_url, now=NOW)
        self.engine = create_engine(database_url)
        sync_site(self.engine, site, at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        self.site = site
        self.settings = Settings(
            FRAMES_URL=frames_url, FACES_URL=faces_url, DATABASE_URL=database_url
        )
        self.frames = redis.Redis.from_url(frames_url)
        self.faces = redis.Redis.from_url(faces_url)
        self.said = io.StringIO()
        self.stop = threading.Event()

    def request(self, *films: Path | str, start: str = START, **options: str) -> ReplayRequest:
        values = {"room_id": "r1", "class_id": "", "activity": "lecture", **options}
        texts = [str(film) for film in films]
        at = parse_start(start, self.site.time_zone)
        return read_request(self.site, texts, start=at, now=NOW, **values)

    def replay(self, request: ReplayRequest, threads: Threads | None = None) -> bool:
        console = Console(file=self.said, width=200)
        threads = threads or Threads(self.site)
        servers = Servers(self.settings)
        return ReplayJob(self.site, request, servers, threads, console, self.stop).run()

    def dump(self, tables: Sequence[str] = TABLES) -> dict[str, list[tuple[object, ...]]]:
        with self.engine.connect() as connection:
            found = {name: connection.execute(text(f"SELECT * FROM {name}")) for name in tables}
            return {name: sorted(map(tuple, rows), key=repr) for name, rows in found.items()}

    def forget(self) -> None:
        """As if nothing had ever been replayed."""
        with self.engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {', '.join([*ROWS, *RUNS])} CASCADE"))

    def one(self, query: str) -> tuple[object, ...]:
        with self.engine.connect() as connection:
            return tuple(connection.execute(text(query)).one())

    def close(self) -> None:
        self.engine.dispose()
        self.frames.close()
        self.faces.close()
