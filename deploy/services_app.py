"""The services one by one, for many machines: `facepose ingest | worker | aggregator`."""

from __future__ import annotations

import datetime as dt
import signal
import sys
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Annotated, Final

import typer

from deploy.health import Health, Missing, gauge_says_ready, serving_health
from deploy.process_setup import process_settings, stop_on_signals
from deploy.recording import recording_of
from deploy.stop_wish import StopWish
from schemas.settings import Settings
from schemas.site_file import load_site
from schemas.site_watch import SiteWatch

services_app: Final = typer.Typer()

SiteFile = Annotated[Path, typer.Argument(metavar="SITE.YAML", help="The site file.")]
RunId = Annotated[
    str, typer.Option("--run", help="Serve this run of `facepose replay` and nothing live.")
]
RoomId = Annotated[str | None, typer.Option(help="The run's room.")]


@services_app.command()
def ingest(
    site_path: SiteFile,
    shard: Annotated[str, typer.Option(help="i/n: every n-th camera from the i-th on.")] = "0/1",
) -> None:
    """Read the cameras and publish their frames (one service)."""
    from deploy.local.child_process import guarded
    from ingest.metrics import IngestMetrics
    from ingest.runner import run_ingest

    site, settings = load_site(site_path), process_settings()
    part, stop = _shard(shard), stop_on_signals()
    with closing(IngestMetrics()) as metrics, _health(settings, stop, metrics.missing):
        run_ingest(
            site_path.absolute(),
            site,
            settings,
            guarded([sys.executable, "-m", "deploy", "ingest-group"], signal.SIGKILL),
            shard=part,
            stop=stop,
            metrics=metrics,
        )


@services_app.command(name="ingest-group", hidden=True)
def ingest_group() -> None:
    """Read the cameras that `facepose ingest` orders over standard input."""
    from ingest.groups.group_process import run_group_process

    run_group_process(process_settings(), stop_on_signals())


@services_app.command()
def worker(
    site_path: SiteFile,
    shard: Annotated[
        str, typer.Option(help="i/n: only every n-th camera from the i-th on (for `follow`).")
    ] = "0/1",
    devices: Annotated[
        str | None, typer.Option(metavar="0,1,…", help="GPUs, a process for each; else all.")
    ] = None,
    run: RunId = "",
    room: RoomId = None,
) -> None:
    """Analyse frames (one service): a process for each GPU, or one on the CPU."""
    from deploy.worker_command import chosen_devices, run_workers

    site, settings = load_site(site_path), process_settings()
    part, stop, chosen = _shard(shard), stop_on_signals(), chosen_devices(devices, settings)
    # With several GPUs each one's process tells for itself, on a port of its own.
    missing = gauge_says_ready("facepose_worker_ready") if len(chosen) < 2 else list[str]
    with _health(settings, stop, missing):
        recording = recording_of(site, run, room)
        run_workers(
            site_path, site, settings, shard=part, devices=chosen, stop=stop, recording=recording
        )


@services_app.command()
def aggregator(site_path: SiteFile, run: RunId = "", room: RoomId = None) -> None:
    """Turn faces into scores in PostgreSQL (one service)."""
    from aggregator.recorded_run import RecordedRun
    from aggregator.retention import kept_from
    from aggregator.runner import run_aggregator

    site, settings, stop = load_site(site_path), process_settings(), stop_on_signals()
    recording, recorded = recording_of(site, run, room), None
    if recording.room is not None:
        kept = kept_from(site.retention, dt.datetime.now(dt.UTC))
        recorded = RecordedRun(recording.run_id, recording.room, kept)
    watch = SiteWatch(site_path, site) if recorded is None else None
    with _health(settings, stop, gauge_says_ready("facepose_aggregator_ready")):
        run_aggregator(
            site, settings, stop, run=recorded, watch=watch, folder=site_path.absolute().parent
        )


def _health(
    settings: Settings, stop: StopWish, missing: Missing
) -> AbstractContextManager[int | None]:
    """Metrics and health of a service, served inside when a port is set."""
    if not settings.metrics_port:
        return nullcontext()
    return serving_health(settings.metrics_host, settings.metrics_port, Health(stop, missing))


def _shard(text: str) -> tuple[int, int]:
    index, _, count = text.partition("/")
    if index.isdigit() and count.isdigit() and int(index) < int(count):
        return int(index), int(count)
    raise typer.BadParameter(f"expected i/n with 0 <= i < n, got {text!r}", param_hint="--shard")
