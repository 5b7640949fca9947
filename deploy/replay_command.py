"""`facepose replay`: films of lessons that are over become history."""

from __future__ import annotations

import datetime as dt
import shlex
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from deploy.local.job_servers import job_servers
from deploy.local.stack import state_folder
from deploy.local.up import prepare_database, pull_needed_weights
from deploy.replay.film_start import parse_start
from deploy.replay.job import ReplayJob
from deploy.replay.processes import OwnProcesses
from deploy.replay.progress import clock_time
from deploy.replay.request import ReplayRequest, read_request
from deploy.worker_command import chosen_devices
from schemas.settings import Settings
from schemas.site import Site


@dataclass(frozen=True)
class ReplayOptions:
    """The command line; see `facepose replay --help`."""

    films: Sequence[str]
    room: str
    start: str
    class_id: str
    activity: str
    has_workers: bool


def run_replay(
    site_path: Path,
    site: Site,
    settings: Settings,
    options: ReplayOptions,
    console: Console,
    stop: threading.Event,
) -> bool:
    """Send the films through the pipeline; False when it was stopped before their end.

    Raises:
        FacePoseError: it cannot be done; the text says why, and what to do.
    """
    request = read_request(
        site,
        options.films,
        room_id=options.room,
        start=parse_start(options.start, site.time_zone),
        class_id=options.class_id,
        activity=options.activity,
        now=dt.datetime.now(dt.UTC),
    )
    _announce(request, site_path, site, options, console)
    if options.has_workers:
        pull_needed_weights(site, console)
    folder = state_folder(site_path, settings)
    with job_servers(folder, settings, len(request.cameras)) as servers:
        if servers.caretaker is not None:  # they are ours, so nobody else has prepared them
            prepare_database(site, servers, console)
        devices = chosen_devices(None, settings) if options.has_workers else []
        processes = OwnProcesses(site_path, site, folder / "logs", devices, options.has_workers)
        return ReplayJob(site, request, servers, processes, console, stop).run()


def _announce(
    request: ReplayRequest, site_path: Path, site: Site, options: ReplayOptions, console: Console
) -> None:
    local = request.start.astimezone(site.time_zone)
    films = sum(len(camera.films) for camera in request.cameras)
    lines = [
        f"Run:   {request.run_id}",
        f"Films: {films} of {', '.join(camera.camera_id for camera in request.cameras)}, "
        f"{clock_time(request.length_s)} from {local.isoformat(' ', 'seconds')} on",
    ]
    if not options.has_workers:
        worker = ["facepose", "worker", str(site_path), "--run", request.run_id]
        lines.append(f"Worker: {shlex.join([*worker, '--room', request.room.id])}")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
