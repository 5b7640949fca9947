"""Body of `facepose bench ingest`: what a camera costs, against the least it could and a rival.

All contestants read the same simulated cameras over RTSP, on the same core in turn, one thread a
camera. Their programs lie in `tests/bench/ingest`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from deploy.bench.camera_film import CAMERA_FPS, SHAPES, StreamName, camera_film
from deploy.bench.contestant import Contestant
from deploy.bench.errors import BenchError
from deploy.bench.ingest_rounds import IngestRound
from deploy.bench.ingest_site import frames_server, simulated_camera
from deploy.bench.peers import ROOT

PROGRAMS: Final = ROOT / "tests" / "bench" / "ingest"
OURS: Final = "ours"
FLOOR: Final = "floor"
RIVALS: Final = ("opencv", "opencv_grab")
CONTESTANTS: Final = (OURS, FLOOR, *RIVALS)
JPEG_QUALITY: Final = 85
_LEAST_ROUNDS: Final = 3
_ROUND_S: Final = 10.0
# Until a reader has seen that key pictures come at a steady distance, it decodes more than later.
_WARM_UP_GOPS: Final = 5


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """What to measure.

    Attributes:
        cameras: read at once.
        seconds: to measure each contestant for, warming up not counted.
        analysis_fps: sampled frames a second and camera.
        size: width and height [px].
        stream: how the cameras code their pictures.
    """

    cameras: int
    seconds: float
    analysis_fps: float
    size: tuple[int, int]
    stream: StreamName


def measure(options: IngestOptions) -> dict[str, list[IngestRound]]:
    """The rounds of each contestant.

    Raises:
        BenchError, LocalError: something is not here, or a contestant ended.
    """
    if not PROGRAMS.is_dir():
        raise BenchError("this needs a checkout of the repository: the rivals are in its tests/")
    film = camera_film(options.stream, *options.size)
    core = max(os.sched_getaffinity(0))
    count = max(_LEAST_ROUNDS, round(options.seconds / _ROUND_S))
    rounds: dict[str, list[IngestRound]] = {name: [] for name in CONTESTANTS}
    with ExitStack() as stack:
        camera_url = stack.enter_context(simulated_camera(film, core))
        frames_url = stack.enter_context(frames_server(core))
        task = task_of(options, camera_url, frames_url)
        for number in range(count):
            # There and back, so that a machine that grows slower favours nobody.
            for name in CONTESTANTS if number % 2 == 0 else reversed(CONTESTANTS):
                rounds[name].append(one_round(name, task, core, options, options.seconds / count))
    return rounds


def task_of(options: IngestOptions, camera_url: str, frames_url: str) -> str:
    """What contestants are told, see `protocol.py` in their folder. Holds a password."""
    return json.dumps(
        {
            "urls": [camera_url] * options.cameras,
            "frames_url": frames_url,
            "camera_fps": CAMERA_FPS,
            "analysis_fps": options.analysis_fps,
            "jpeg_quality": JPEG_QUALITY,
        }
    )


def one_round(
    name: str, task: str, core: int, options: IngestOptions, seconds: float
) -> IngestRound:
    """Start a contestant, let it warm up, and measure it.

    Raises:
        BenchError: it ended.
    """
    command = [sys.executable, os.fspath(PROGRAMS / f"{name}.py")]
    # By the environment: the frames server's url holds a password.
    environment = {"BENCH_TASK": task, "PYTHONPATH": os.fspath(ROOT)}
    with Contestant(name, command, core=core, environment=environment) as contestant:
        time.sleep(_WARM_UP_GOPS * SHAPES[options.stream].gop_s)
        before, began_s = contestant.ask(), time.monotonic()
        time.sleep(seconds)
        after, ended_s = contestant.ask(), time.monotonic()
    expected = options.cameras * options.analysis_fps * (ended_s - began_s)
    return IngestRound.between(before, after, expected)
