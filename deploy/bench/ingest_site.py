"""What ingest is measured against: simulated cameras and a frames server, off the measured core."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

from deploy.bench.errors import BenchError
from deploy.local.child_process import guarded
from deploy.local.valkey import EmbeddedValkey

START_S: Final = 60.0
_STOP_S: Final = 10.0
_MEMORY_MB: Final = 1024


@contextmanager
def simulated_camera(film: Path, core: int) -> Iterator[str]:
    """The url of a film that is served over RTSP for ever, by a process that leaves `core` alone.

    Raises:
        BenchError: the simulator did not start.
    """
    with tempfile.TemporaryDirectory(prefix="facepose-bench-") as folder:
        (Path(folder) / "camera.mp4").symlink_to(film)
        announce = Path(folder) / "address.json"
        command = [sys.executable, "-m", "deploy", "simulate-cameras", folder, "--loop"]
        process = subprocess.Popen(
            guarded([*command, "--announce", os.fspath(announce)], signal.SIGTERM),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            leave_alone(process.pid, core)
            yield f"{_announced(process, announce)}/camera"
        finally:
            process.terminate()
            process.wait(_STOP_S)


@contextmanager
def frames_server(core: int) -> Iterator[str]:
    """The url of an embedded frames server that leaves `core` alone."""
    with tempfile.TemporaryDirectory(prefix="facepose-bench-") as folder:
        server = EmbeddedValkey(Path(folder), persistent=False, maxmemory_mb=_MEMORY_MB)
        url = server.start()
        try:
            for child in psutil.Process().children():
                if "valkey" in child.name():
                    leave_alone(child.pid, core)
            yield url
        finally:
            server.stop()


def leave_alone(pid: int, core: int) -> None:
    """Keep a process to the other cores, where there are others."""
    others = os.sched_getaffinity(0) - {core}
    if others:
        os.sched_setaffinity(pid, others)


def _announced(process: subprocess.Popen[bytes], announce: Path) -> str:
    deadline_s = time.monotonic() + START_S
    while time.monotonic() < deadline_s and process.poll() is None:
        if announce.exists():
            url: str = json.loads(announce.read_text(encoding="utf-8"))["url"]
            return url
        time.sleep(0.05)
    raise BenchError(f"the simulated cameras did not start within {START_S:.0f} s")
