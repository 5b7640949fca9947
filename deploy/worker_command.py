"""`facepose worker`: one process per GPU, or one on the CPU."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from deploy.local.supervisor import Service, Supervisor
from deploy.recording import LIVE, Recording
from schemas.errors import SettingsError
from schemas.settings import Settings
from schemas.site import Site
from schemas.site_watch import SiteWatch
from workers.gpu import visible_devices

VISIBLE: Final = "CUDA_VISIBLE_DEVICES"

_log = structlog.get_logger(__name__)


def run_workers(
    site_path: Path,
    site: Site,
    settings: Settings,
    *,
    shard: tuple[int, int],
    devices: Sequence[str],
    stop: threading.Event,
    recording: Recording = LIVE,
) -> None:
    """Run a worker in this process, or a child process for each of several GPUs.

    Args:
        site_path: the site file, for the children.
        site: what it says.
        settings: of this process.
        shard: (i, n): every n-th camera from the i-th on.
        devices: as `chosen_devices` returned them.
        stop: set to end.
        recording: the run to serve instead of what is live.

    Raises:
        FacePoseError: see `workers.runner.run_worker`.
    """
    if len(devices) > 1:
        arguments = children_arguments(site_path, site, shard, devices, recording)
        _run_children(arguments, settings, devices, stop)
        return
    if devices:
        os.environ[VISIBLE] = devices[0]
    from workers.runner import run_worker  # noqa: PLC0415  after the device is chosen

    run_worker(
        site,
        settings,
        shard=shard,
        stop=stop,
        run_id=recording.run_id,
        room=recording.room,
        watch=None if recording.run_id else SiteWatch(site_path, site),
    )


def chosen_devices(text: str | None, settings: Settings) -> list[str]:
    """Return the GPUs to use: those named (`0,1`), else all; none where the CPU is wanted.

    Raises:
        SettingsError: a device that is not here.
    """
    if settings.device == "cpu":
        if text:
            raise SettingsError(
                "--devices names GPUs, but FACEPOSE_DEVICE is cpu: drop one of them"
            )
        return []
    here = list(visible_devices())
    if text is None:
        return here
    named = [part.strip() for part in text.split(",") if part.strip()]
    absent = [name for name in named if name not in here]
    if absent or not named:
        raise SettingsError(
            f"--devices {text}: there is {'no GPU here' if not here else 'only ' + ','.join(here)}"
        )
    return list(dict.fromkeys(named))


def worker_arguments(
    site_path: Path,
    shard: tuple[int, int],
    number: int,
    count: int,
    device: str | None,
    recording: Recording = LIVE,
) -> tuple[str, ...]:
    """Return the arguments of `facepose` for one of `count` workers that divide a shard."""
    index, of = shard
    own = ("--shard", f"{index + of * number}/{of * count}")
    gpu = ("--devices", device) if device else ()
    return ("worker", str(site_path.absolute()), *own, *gpu, *recording.arguments)


def children_arguments(
    site_path: Path,
    site: Site,
    shard: tuple[int, int],
    devices: Sequence[str],
    recording: Recording = LIVE,
) -> list[tuple[str, ...]]:
    """Return the arguments of a worker for each GPU.

    Workers that follow faces need all frames of their cameras; others share every camera.
    """
    parts = len(devices) if site.models.follow else 1
    return [
        worker_arguments(site_path, shard, number % parts, parts, device, recording)
        for number, device in enumerate(devices)
    ]


def _run_children(
    children: Sequence[tuple[str, ...]],
    settings: Settings,
    devices: Sequence[str],
    stop: threading.Event,
) -> None:
    supervisor = Supervisor(None)
    try:
        for number, (device, arguments) in enumerate(zip(devices, children, strict=True)):
            environment = dict(os.environ)
            if settings.metrics_port:
                environment["FACEPOSE_METRICS_PORT"] = str(settings.metrics_port + 1 + number)
            supervisor.start(Service(f"worker on GPU {device}", arguments, environment))
        _log.info("A worker for each GPU", action="workers_started", devices=",".join(devices))
        while not stop.wait(1.0):
            supervisor.watch()
    finally:
        supervisor.stop()
