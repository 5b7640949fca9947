"""`facepose chaos`: kill -9 everything, many times, and count what is lost or doubled."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import structlog
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy import exit_codes
from deploy.process_setup import process_settings

chaos_app: Final = typer.Typer()


@chaos_app.command()
def chaos(
    kills: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 200,
    seed: Annotated[int, typer.Option(help="Of their order: same seed, same order.")] = 1,
    pace: Annotated[
        float, typer.Option(min=0.5, max=600, help="Mean seconds between two kills.")
    ] = 5.0,
    state: Annotated[
        Path | None, typer.Option(help="Folder of servers and logs; else one that is deleted.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Kill -9 services and servers during a simulated lesson; nothing may be lost or doubled."""
    # `facepose --help` must not wait for OpenVINO.
    from deploy.chaos.run import ChaosOptions, chaos_school, run_chaos  # noqa: PLC0415
    from deploy.weights_command import DEFAULT_NAMES, pull_with_progress  # noqa: PLC0415

    settings = process_settings()
    # Every kill would be told three times over; the services' own logs are in the state folder.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    console = Console(stderr=as_json)
    pull_with_progress(DEFAULT_NAMES, settings.device, console)
    with _folder(state) as folder, _progress(console, kills) as on_step:
        on_step("drawing the lesson", 0)
        simulation = chaos_school()
        report = run_chaos(ChaosOptions(kills, seed, pace, folder), settings, simulation, on_step)
    if as_json:
        typer.echo(json.dumps(report.as_json()))
    else:
        report.print(console)
    if report.failures:
        raise typer.Exit(exit_codes.FAILED)


@contextmanager
def _folder(state: Path | None) -> Iterator[Path]:
    """The folder that was named, or one that is gone afterwards."""
    if state is not None:
        yield state
        return
    with tempfile.TemporaryDirectory(prefix="facepose-chaos-") as folder:
        yield Path(folder)


@contextmanager
def _progress(console: Console, kills: int) -> Iterator[Callable[[str, int], None]]:
    """A bar of kills, with what comes next."""
    columns = (
        TextColumn("kill -9"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting", total=kills)
        yield lambda what, done: progress.update(task, description=what, completed=done)
