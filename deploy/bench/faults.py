"""Body of `facepose bench faults`: one ingest, one camera for each fault, all at once.

The command that reads the cameras is the real one, with its child processes. After some quiet
seconds every fault begins; later all are healed, and it is seen how ingest gets on.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.bench.errors import BenchError
from deploy.bench.fault_cameras import (
    ROOM,
    FaultCamera,
    camera_environment,
    cameras_for,
    site_file,
)
from deploy.bench.fault_watch import FaultWatch, Sightings
from deploy.local.valkey import EmbeddedValkey
from deploy.simulator.camera_loop import CameraLoop
from deploy.simulator.fault import HEALTHY, Fault
from deploy.simulator.rtsp_server import JournalEntry
from schemas.transport import connect

_LOOK_EVERY_S: Final = 0.5  # the frames server keeps four seconds
_START_S: Final = 90.0
_STOP_S: Final = 30.0
_FIRST_FRAMES: Final = 5


@dataclass(frozen=True, slots=True)
class FaultTimes:
    """How long each part lasts [s].

    Attributes:
        quiet_s: all cameras are good.
        fault_s: the faults last, but for those that pass by themselves.
        after_s: all cameras are good again, at most: until all gave frames, and `settle_s` more.
        settle_s: see `after_s`.
    """

    quiet_s: float = 10.0
    fault_s: float = 12.0
    after_s: float = 40.0
    settle_s: float = 4.0


@dataclass(frozen=True)
class CameraRecord:
    """What happened to one camera; times are Unix seconds.

    Attributes:
        quiet_s: from here on all cameras gave frames.
        began_s: the fault began.
        healed_s: the camera worked again.
        seen: what ingest said and sent.
        journal: what ingest did, as the camera saw it.
    """

    camera_id: str
    fault: Fault
    quiet_s: float
    began_s: float
    healed_s: float
    seen: Sightings
    journal: Sequence[JournalEntry]

    @property
    def is_healthy(self) -> bool:
        """Whether the camera had no fault."""
        return self.fault is HEALTHY


def run_faults(faults: Sequence[Fault], times: FaultTimes) -> list[CameraRecord]:
    """Let all faults happen at once; the healthy cameras' records come first.

    Raises:
        BenchError: ingest ended, or some camera gave no frames at the start.
        LocalError: an embedded server did not start.
    """
    with tempfile.TemporaryDirectory(prefix="facepose-bench-") as name, CameraLoop() as loop:
        folder = Path(name)
        cameras = cameras_for(faults, folder)
        try:
            for camera in cameras:
                loop.run(camera.server.start())
            with _servers(folder) as (frames_url, faces_url):
                return _watched(folder, cameras, loop, frames_url, faces_url, times)
        finally:
            for camera in cameras:
                loop.run(camera.server.stop())


def _watched(
    folder: Path,
    cameras: Sequence[FaultCamera],
    loop: CameraLoop,
    frames_url: str,
    faces_url: str,
    times: FaultTimes,
) -> list[CameraRecord]:
    ids = [camera.camera_id for camera in cameras]
    with (
        connect(frames_url) as frames,
        connect(faces_url) as faces,
        _ingest(folder, cameras, frames_url, faces_url) as is_alive,
    ):
        watch = FaultWatch(frames, faces, ROOM, ids)
        _await_frames(watch, is_alive)
        quiet_s = time.time()
        _look_for(watch, times.quiet_s, is_alive)
        began_s = {camera.camera_id: _begin(loop, camera) for camera in cameras}
        _look_for(watch, times.fault_s, is_alive)
        healed_s = {camera.camera_id: _heal(loop, camera) for camera in cameras}
        _await_back(watch, max(healed_s.values()), times, is_alive)
        return [
            CameraRecord(
                camera_id=each.camera_id,
                fault=each.fault,
                quiet_s=quiet_s,
                began_s=began_s[each.camera_id],
                healed_s=healed_s[each.camera_id],
                seen=watch.seen[each.camera_id],
                journal=tuple(each.server.journal),
            )
            for each in cameras
        ]


def _begin(loop: CameraLoop, camera: FaultCamera) -> float:
    began_s = time.time()
    loop.run(camera.server.begin(camera.fault))
    return began_s


def _heal(loop: CameraLoop, camera: FaultCamera) -> float:
    loop.run(camera.server.heal())
    return time.time()


def _await_frames(watch: FaultWatch, is_alive: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + _START_S
    while True:
        _look_for(watch, _LOOK_EVERY_S, is_alive)
        late = [name for name, seen in watch.seen.items() if len(seen.frames) < _FIRST_FRAMES]
        if not late:
            return
        if time.monotonic() > deadline_s:
            raise BenchError(f"no frames came within {_START_S:.0f} s from {', '.join(late)}")


def _await_back(
    watch: FaultWatch, healed_s: float, times: FaultTimes, is_alive: Callable[[], bool]
) -> None:
    deadline_s = time.monotonic() + times.after_s
    while time.monotonic() < deadline_s:
        _look_for(watch, _LOOK_EVERY_S, is_alive)
        last_s = [seen.frames[-1].at_s for seen in watch.seen.values()]
        if min(last_s) > healed_s:
            break
    _look_for(watch, times.settle_s, is_alive)


def _look_for(watch: FaultWatch, seconds: float, is_alive: Callable[[], bool]) -> None:
    end_s = time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0:
        time.sleep(min(_LOOK_EVERY_S, left_s))
        watch.look()
        if not is_alive():
            raise BenchError("ingest ended by itself; run `facepose ingest` alone to see why")


@contextmanager
def _servers(folder: Path) -> Iterator[tuple[str, str]]:
    """The urls of an embedded frames server and an observations server."""
    frames = EmbeddedValkey(folder / "frames", persistent=False)
    faces = EmbeddedValkey(folder / "faces", persistent=True)
    try:
        yield frames.start(), faces.start()
    finally:
        faces.stop()
        frames.stop()


@contextmanager
def _ingest(
    folder: Path, cameras: Sequence[FaultCamera], frames_url: str, faces_url: str
) -> Iterator[Callable[[], bool]]:
    """The real command; yields whether it lives."""
    site = folder / "site.yaml"
    site.write_text(site_file(cameras), encoding="utf-8")
    # By the environment: the urls hold passwords.
    servers = {"FRAMES_URL": frames_url, "FACES_URL": faces_url}
    with (folder / "ingest.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy", "ingest", os.fspath(site)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **servers, **camera_environment(), "FACEPOSE_METRICS_PORT": "0"},
        )
        try:
            yield lambda: process.poll() is None
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
