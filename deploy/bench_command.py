"""`facepose bench …`: how fast this machine reads cameras, analyses and aggregates."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from rich.console import Console

from schemas.analysis import DetectorName, ModelChoices, Precision

bench_app: Final = typer.Typer(
    help="How fast this machine reads cameras, analyses and aggregates.", no_args_is_help=True
)
_MAX_SIDE_PX: Final = 8192
_MAX_BATCH: Final = 256


def _parse_size(text: str) -> tuple[int, int]:
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(
        side.isdigit() and 64 <= int(side) <= _MAX_SIDE_PX for side in sides
    ):
        raise typer.BadParameter(f"expected WIDTHxHEIGHT from 64 to {_MAX_SIDE_PX}, got {text!r}")
    return int(sides[0]), int(sides[1])


def _parse_batches(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.strip().isdigit() and 1 <= int(part) <= _MAX_BATCH for part in parts):
        raise typer.BadParameter(f"expected numbers from 1 to {_MAX_BATCH} like 1,2,4: {text!r}")
    return tuple(int(part) for part in parts)


@bench_app.command("analyze")
def analyze(
    faces: Annotated[int, typer.Option(min=1, max=200, help="Faces in each picture.")] = 30,
    size: Annotated[str, typer.Option(help="Of the pictures, WIDTHxHEIGHT.")] = "1920x1080",
    batches: Annotated[str, typer.Option(help="Frames at once, each size in turn.")] = "1,2,4,8",
    threads: Annotated[int, typer.Option(min=1, max=256, help="CPU threads.")] = 1,
    precision: Annotated[Precision, typer.Option(help="fast: bf16 where there is.")] = "exact",
    detector: Annotated[DetectorName, typer.Option(help="Which network finds faces.")] = "yunet",
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where it runs.")] = "auto",
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="How long to measure.")] = 20.0,
    pictures: Annotated[
        Path | None,
        typer.Option(help="Folder of single faces to lay out, instead of a drawn class."),
    ] = None,
    peers: Annotated[
        bool, typer.Option("--peers", help="Compare with the rivals, one core each.")
    ] = False,
    peers_python: Annotated[
        Path | None, typer.Option(help="The rivals' interpreter, if not our own choice.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Frames and faces a second from JPEG to faces, by stage."""
    # `facepose --help` must not wait for OpenVINO.
    from deploy.bench.analyze import BenchOptions, measure  # noqa: PLC0415
    from deploy.bench.report import as_json as report_of  # noqa: PLC0415
    from deploy.bench.report import print_report  # noqa: PLC0415

    options = BenchOptions(
        faces=faces,
        size=_parse_size(size),
        batches=_parse_batches(batches),
        threads=threads,
        models=ModelChoices(precision=precision, detector=detector),
        device=device,
        seconds=seconds,
        pictures=pictures,
        peers=peers,
        peers_python=peers_python,
    )
    setting, results, comparison = measure(options)
    if as_json:
        typer.echo(json.dumps(report_of(setting, results, comparison)))
    else:
        print_report(Console(), setting, results, comparison)


@bench_app.command("ingest")
def ingest(
    cameras: Annotated[int, typer.Option(min=1, max=100, help="Read at once, on one core.")] = 4,
    seconds: Annotated[
        float, typer.Option(min=1, max=3600, help="To measure each contestant for.")
    ] = 60.0,
    fps: Annotated[
        float | None, typer.Option(min=0.1, max=25, help="Sampled; else the stream's usual.")
    ] = None,
    size: Annotated[str, typer.Option(help="Of the pictures, WIDTHxHEIGHT.")] = "1920x1080",
    stream: Annotated[
        Literal["plain", "bframes", "keys"], typer.Option(help="How the cameras code pictures.")
    ] = "plain",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """What a camera costs from RTSP to the frames server: cameras a core, by stage."""
    from deploy.bench import ingest_report as report  # noqa: PLC0415  see above
    from deploy.bench.camera_film import SHAPES  # noqa: PLC0415
    from deploy.bench.ingest import IngestOptions, measure  # noqa: PLC0415

    analysis_fps = SHAPES[stream].analysis_fps if fps is None else fps
    options = IngestOptions(cameras, seconds, analysis_fps, _parse_size(size), stream)
    figures = report.report_of(measure(options), analysis_fps)
    if as_json:
        typer.echo(json.dumps(report.as_json(options, figures)))
    else:
        report.print_report(Console(), options, figures)


@bench_app.command("faults")
def faults(
    names: Annotated[
        list[str] | None, typer.Option("--fault", help="Only this one; can be repeated.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=1, max=3600, help="How long the faults last.")
    ] = 12.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="A table for a page.")] = False,
) -> None:
    """How soon trouble with a camera is noticed and over: every fault at once, two good cameras."""
    from deploy.bench.fault_report import FaultReport  # noqa: PLC0415  see above
    from deploy.bench.faults import FaultTimes, run_faults  # noqa: PLC0415
    from deploy.process_setup import configure_logs  # noqa: PLC0415
    from deploy.simulator.faults import FAULTS, fault_named  # noqa: PLC0415

    configure_logs()
    try:
        chosen = [fault_named(name) for name in names] if names else FAULTS
    except KeyError as exc:
        known = ", ".join(fault.name for fault in FAULTS)
        raise typer.BadParameter(f"no fault is called {exc}; there are {known}") from None
    times = FaultTimes(fault_s=seconds)
    report = FaultReport(run_faults(chosen, times), times)
    if as_json:
        typer.echo(json.dumps(report.as_json()))
    elif as_markdown:
        typer.echo(report.as_markdown())
    else:
        report.print(Console())


@bench_app.command("soak")
def soak(
    reconnects: Annotated[
        int, typer.Option(min=50, max=1_000_000, help="Connections that must end.")
    ] = 1000,
    cameras: Annotated[int, typer.Option(min=1, max=64, help="Read by the one process.")] = 16,
    steady: Annotated[
        float,
        typer.Option(
            min=0, max=86_400, help="Seconds to watch without trouble, once it is two minutes past."
        ),
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """What forced reconnects leave behind: hanging readers, memory, threads, file descriptors."""
    from deploy.bench import soak_report as report  # noqa: PLC0415  see above
    from deploy.bench.soak import SoakOptions, measure  # noqa: PLC0415
    from deploy.process_setup import configure_logs  # noqa: PLC0415

    configure_logs()
    options = SoakOptions(reconnects, cameras, steady)
    figures = report.report_of(measure(options))
    if as_json:
        typer.echo(json.dumps(report.as_json(options, figures)))
    else:
        report.print_report(Console(), options, figures)


@bench_app.command("aggregate")
def aggregate(
    rooms: Annotated[int, typer.Option(min=1, max=500, help="Served at once.")] = 50,
    seconds: Annotated[
        int, typer.Option(min=10, max=36_000, help="Of observations, after the warm-up.")
    ] = 120,
    students: Annotated[int, typer.Option(min=1, max=200, help="In each room.")] = 30,
    fps: Annotated[int, typer.Option(min=1, max=25, help="Analysed frames a second.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Rooms that one core can serve, from observations to committed rows, by stage."""
    from deploy.bench import aggregate_report as report  # noqa: PLC0415  see above
    from deploy.bench.aggregate import AggregateOptions, measure  # noqa: PLC0415
    from deploy.process_setup import configure_logs  # noqa: PLC0415

    configure_logs()
    options = AggregateOptions(rooms, seconds, students, fps)
    figures = report.report_of(options, measure(options))
    if as_json:
        typer.echo(json.dumps(report.as_json(options, figures)))
    else:
        report.print_report(Console(), options, figures)


@bench_app.command("history")
def history(
    rooms: Annotated[int, typer.Option(min=4, max=5000, help="Twenty to a school.")] = 1000,
    students: Annotated[int, typer.Option(min=5, max=60, help="In each room's class.")] = 30,
    days: Annotated[int, typer.Option(min=1, max=260, help="Of school, before today.")] = 200,
    fraction: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Of schools with rows of single students, of cameras."),
    ] = 0.1,
    keep: Annotated[
        Path | None, typer.Option(help="Folder in which the database then stays.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """A year of a district: how fast questions and a report are answered, and rows written."""
    from deploy.bench import history_report as report  # noqa: PLC0415  see above
    from deploy.bench.history import measure  # noqa: PLC0415
    from deploy.bench.history_progress import shown  # noqa: PLC0415
    from deploy.bench.history_questions import read_questions  # noqa: PLC0415
    from deploy.bench.history_size import HistoryOptions  # noqa: PLC0415
    from deploy.process_setup import configure_logs  # noqa: PLC0415

    configure_logs()
    options = HistoryOptions(rooms, students, days, fraction, keep)
    with shown(Console(stderr=True)) as progress:
        run = measure(options, read_questions(), dt.date.today(), progress)  # noqa: DTZ011
    if as_json:
        typer.echo(json.dumps(report.as_json(options, run)))
    else:
        report.print_report(Console(), options, run)


@bench_app.command("peers")
def peers() -> None:
    """Install the rivals of `--peers` in an interpreter of their own, in the cache folder."""
    from deploy.bench.peers import install_peers  # noqa: PLC0415  see above

    typer.echo(f"ready: {install_peers()}")
