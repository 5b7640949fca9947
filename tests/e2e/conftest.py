"""One simulated lesson through every real part, run once for all tests that only look at it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from deploy.demo.summary import Student, read_students
from deploy.demo.truth import TrueScores
from deploy.weights_command import DEFAULT_NAMES, pull_with_progress
from schemas.streams import frames_stream
from tests.e2e.disk_watch import DiskWatch
from tests.e2e.running_pipeline import Pipeline
from tests.e2e.simulated_school import two_rooms
from workers.weights import cache_folder

ROOT = Path(__file__).resolve().parents[2]
SITE = "simulated-school"
LOOKS_A_PIECE = 20  # every so many-th look takes a piece of each camera's newest frame


@dataclass(frozen=True)
class Lesson:
    """A lesson that is over; only its servers still run.

    Attributes:
        pipeline: servers and log.
        students: scores beside the truth.
        truth: what a perfect measurement would have seen.
        watch: over the disk, ended.
        needles: pieces of frames that passed through Redis.
        frame_bytes: mean size of those frames.
        restarts: of each service.
    """

    pipeline: Pipeline
    students: list[Student]
    truth: TrueScores
    watch: DiskWatch
    needles: list[bytes]
    frame_bytes: float
    restarts: dict[str, int]


@pytest.fixture(scope="session")
def networks(weights: list[Path]) -> None:
    """Weights and compiled networks, so that no service has to make them first."""
    pull_with_progress(DEFAULT_NAMES, "auto", Console(file=sys.stderr, quiet=True))


@pytest.fixture(scope="session")
def service_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The services' own working folder and temporary folder, below the returned one."""
    root = tmp_path_factory.mktemp("services")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("tmp", "cwd"):
            (root / name).mkdir()
        patch.setenv("TMPDIR", str(root / "tmp"))
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("PYTHONDONTWRITEBYTECODE", "1")
        for name in ("REDIS_URL", "FRAMES_URL", "FACES_URL", "DATABASE_URL", "FACEPOSE_STATE"):
            patch.delenv(name, raising=False)
        yield root


@pytest.fixture(scope="session")
def lesson(networks: None, service_environment: Path) -> Iterator[Lesson]:
    """A minute of the two simulated rooms, from RTSP to PostgreSQL."""
    simulation = two_rooms()
    folder = service_environment / "state"
    pipeline = Pipeline(folder, simulation)
    frames = _FramesSeen(pipeline)

    def processes() -> dict[str, int]:
        known = {name: pipeline.supervisor.pid(name) for name in pipeline.supervisor.restarts}
        return known | {"frames server": pipeline.frames.pid or 0}

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(service_environment / "cwd")
        folder.mkdir()
        watch = DiskWatch(processes, [service_environment, cache_folder()])
        try:
            pipeline.start()
            watch.start()
            pipeline.until(lambda: frames.look() >= _end_s(pipeline), "the lesson's end", 100)
            restarts = dict(pipeline.supervisor.restarts)
            pipeline.end_lesson()
            watch.stop()
            pipeline.supervisor.stop()  # the servers stay for the tests that read
            truth = TrueScores([f.truth_path for f in simulation.films], pipeline.started_at_ns)
            students = read_students(pipeline.engine, SITE, pipeline.started_at_ns / 1e9, truth)
            yield Lesson(
                pipeline, students, truth, watch, frames.needles, frames.mean_bytes, restarts
            )
        finally:
            watch.stop()
            pipeline.close()


def _end_s(pipeline: Pipeline) -> float:
    return pipeline.started_at_ns / 1e9 + pipeline.simulation.duration_s


class _FramesSeen:
    """Pieces of some of the frames that pass through the frames server."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._looks = 0
        self._sizes: list[int] = []
        self.needles: list[bytes] = []

    @property
    def mean_bytes(self) -> float:
        return sum(self._sizes) / len(self._sizes)

    def look(self) -> float:
        """Sometimes take a piece from the middle of each camera's newest frame; the time [s]."""
        self._looks += 1
        if self._looks % LOOKS_A_PIECE == 0:
            for film in self._pipeline.simulation.films:
                for _, fields in self._pipeline.frames_client.xrevrange(
                    frames_stream(film.camera_id), count=1
                ):
                    jpeg = fields[b"jpeg"]
                    self._sizes.append(len(jpeg))
                    self.needles.append(jpeg[len(jpeg) // 2 :][:32])
        seconds, micros = self._pipeline.frames_client.time()
        return float(seconds) + float(micros) / 1e6
