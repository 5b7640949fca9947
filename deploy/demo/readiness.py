"""Start the simulated cameras, and wait until a worker reads."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local.errors import LocalError
from deploy.local.stack import Servers, Stack
from deploy.local.supervisor import Service, Supervisor
from deploy.simulator.film import Simulation
from schemas.streams import GROUP_WORKERS, frames_stream
from schemas.transport import connect

CAMERAS_READY_S: Final = 30.0
WORKER_READY_S: Final = 120.0


@dataclass(frozen=True)
class RunningCameras:
    """The running camera simulator."""

    url: str
    started_at_ns: int


def start_cameras(
    simulation: Simulation,
    folder: Path,
    servers: Servers,
    supervisor: Supervisor,
    *,
    loop: bool = False,
) -> RunningCameras:
    """Start the simulated cameras in a process of their own; they play from a moment ahead.

    With `loop` they begin anew at the film's end.

    Raises:
        LocalError: they did not start; with the end of their log.
    """
    announce = folder / "cameras.json"
    announce.unlink(missing_ok=True)
    options = ("--announce", str(announce), *(["--loop"] if loop else []))
    arguments = ("simulate-cameras", str(simulation.folder), *options)
    supervisor.start(Service("cameras", arguments, servers.environment))
    deadline_s = time.monotonic() + CAMERAS_READY_S
    while time.monotonic() < deadline_s:
        if announce.exists():
            said = json.loads(announce.read_text(encoding="utf-8"))
            return RunningCameras(said["url"], said["started_at_ns"])
        time.sleep(0.1)
    raise LocalError(
        f"the simulated cameras did not start in {CAMERAS_READY_S:.0f} s:\n"
        f"{supervisor.last_words('cameras')}"
    )


def wait_for_worker(stack: Stack, stop: threading.Event) -> None:
    """Wait until a worker reads: it warms up first, and frames would expire meanwhile."""
    client = connect(stack.servers.settings.require_frames_url())
    _room, camera = next(stack.site.cameras())
    deadline_s = time.monotonic() + WORKER_READY_S
    while time.monotonic() < deadline_s and not stop.wait(0.2):
        stack.watch()
        stream = frames_stream(camera.id)
        if client.exists(stream) and any(
            group["consumers"] for group in client.xinfo_groups(stream) if _is_ours(group["name"])
        ):
            return
    if not stop.is_set():
        raise LocalError(
            f"the worker was not ready after {WORKER_READY_S:.0f} s:\n"
            f"{stack.supervisor.last_words('worker-0')}"
        )


def _is_ours(name: bytes) -> bool:
    return name == GROUP_WORKERS.encode()
