"""The `facepose` command: parse, load, build, run."""

from __future__ import annotations

import datetime as dt
import errno
import os
import signal
import sys
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from rich.console import Console

from deploy import exit_codes
from deploy import model_options as options
from deploy.bench_command import bench_app
from deploy.evaluate_command import evaluate_app
from deploy.health import Health, Missing, gauge_says_ready, serving_health
from deploy.process_setup import configure_logs, stop_on_signals
from deploy.recording import recording_of
from deploy.stop_wish import StopWish
from schemas.analysis import DetectionPlan, ModelChoices
from schemas.errors import FacePoseError, SettingsError, SiteFileError
from schemas.settings import Settings, load_settings
from schemas.site import Activity
from schemas.site_file import load_site
from schemas.site_watch import SiteWatch

console: Final = Console()
errors: Final = Console(stderr=True)

app: Final = typer.Typer(
    name="facepose",
    help="Classroom cameras in, per-student attention scores in PostgreSQL out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
weights_app: Final = typer.Typer(
    help="The networks' weights on this machine.", no_args_is_help=True
)
db_app: Final = typer.Typer(help="The database's tables.", no_args_is_help=True)
app.add_typer(weights_app, name="weights")
app.add_typer(db_app, name="db")
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(bench_app, name="bench")

SiteFile = Annotated[Path, typer.Argument(metavar="SITE.YAML", help="The site file.")]
RunId = Annotated[
    str, typer.Option("--run", help="Serve this run of `facepose replay` and nothing live.")
]
RoomId = Annotated[str | None, typer.Option(help="The run's room.")]


@app.command()
def demo(
    minutes: Annotated[
        float, typer.Option(min=1, max=120, help="Length of the simulated lesson.")
    ] = 2.0,
    seed: Annotated[int, typer.Option(help="Seed of the lesson's script.")] = 7,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the servers running until Ctrl-C.")
    ] = False,
    summary: Annotated[
        Path | None, typer.Option(help="Write the summary to this file as JSON.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write the lesson's page to this file as HTML.")
    ] = Path("demo-report.html"),
    state: Annotated[Path, typer.Option(help="Folder for the embedded servers' files.")] = Path(
        ".facepose/demo"
    ),
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Only get the weights and render the lesson.")
    ] = False,
) -> None:
    """Run everything on simulated cameras: no camera, no server and no GPU needed."""
    from deploy.demo.run import DemoOptions, prepare_demo, run_demo

    options = DemoOptions(
        minutes=minutes, seed=seed, keep=keep, summary=summary, report=report, state=state
    )
    settings = _settings()
    if prepare:
        prepare_demo(options, settings, console)
        return
    run_demo(options, settings, console, stop_on_signals())


@app.command()
def up(
    site_path: SiteFile,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Worker processes; else one for each GPU, or one."),
    ] = None,
) -> None:
    """Run the whole pipeline on this machine, with embedded servers where no url is set."""
    from deploy.local.up import run_up

    site, settings = load_site(site_path), _settings()
    run_up(site_path, site, settings, workers, console, stop_on_signals())


@app.command()
def init(
    path: Annotated[Path, typer.Argument(metavar="SITE.YAML")] = Path("site.yaml"),
    profile: Annotated[
        str | None, typer.Option(help="Policy profile; asked for if absent.")
    ] = None,
    time_zone: Annotated[str | None, typer.Option(help="Like Europe/Amsterdam.")] = None,
    name: Annotated[str | None, typer.Option(help="The school's name.")] = None,
    camera: Annotated[
        list[str] | None, typer.Option(help="ROOM=URL, once for each camera.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Ask a few questions and write a commented site file."""
    from deploy.init import run_init

    run_init(path, profile, time_zone, name, camera or [], force, console)


@app.command()
def check(
    site_path: SiteFile,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Verify everything before a start, and say what to do about each failure."""
    from deploy.check import run_check

    configure_logs()
    if not run_check(site_path, _settings(), console, as_json=as_json):
        raise typer.Exit(exit_codes.FAILED)


@app.command()
def image(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Pictures or folders.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per picture.")] = False,
    draw: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Annotated picture, or folder of them.")
    ] = None,
    expression: Annotated[bool, typer.Option(help="Also measure expressions.")] = True,
    detector: options.Detector = options.DETECTOR,
    landmarks: options.Landmarks = options.LANDMARKS,
    pose: options.Pose = options.POSE,
    expression_net: options.ExpressionNet = options.EXPRESSION_NET,
    precision: options.Precision = options.PRECISION,
    second_pass: options.SecondPass = False,
    long_side: options.LongSide = None,
    min_confidence: options.MinConfidence = None,
) -> None:
    """Find and measure every face in pictures."""
    from workers.image import run_image

    settings = _settings()
    models = ModelChoices(
        detector=detector,
        landmarks=landmarks,
        pose=pose,
        expression=expression_net,
        precision=precision,
        second_landmark_pass=second_pass,
    )
    raise typer.Exit(
        run_image(
            paths,
            as_json=as_json,
            draw=draw,
            expression=expression,
            models=models,
            detection=DetectionPlan(long_side_px=long_side, min_confidence=min_confidence),
            device=settings.device,
            threads=settings.threads,
        )
    )


@app.command()
def video(
    path: Annotated[Path, typer.Argument(metavar="FILM", help="Anything with a video in it.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILM", help="The film with every face labelled.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per frame, and one at the end.")
    ] = False,
    points: Annotated[bool, typer.Option("--points", help="Landmarks, too, in the JSON.")] = False,
    every: Annotated[int, typer.Option(min=1, help="Analyse one of so many frames.")] = 1,
    fps: Annotated[
        float | None, typer.Option(min=0.1, help="Or so many a second; labels hold in between.")
    ] = None,
    smooth: Annotated[bool, typer.Option(help="Smooth each track's angles.")] = True,
    expression: Annotated[bool, typer.Option(help="Also measure expressions.")] = True,
    detector: options.Detector = options.DETECTOR,
    landmarks: options.Landmarks = options.LANDMARKS,
    pose: options.Pose = options.POSE,
    expression_net: options.ExpressionNet = options.EXPRESSION_NET,
    precision: options.Precision = options.PRECISION,
    second_pass: options.SecondPass = False,
    long_side: options.LongSide = None,
    min_confidence: options.MinConfidence = None,
) -> None:
    """Follow every face through a film."""
    from deploy.film.video import run_video

    settings = _settings()
    raise typer.Exit(
        run_video(
            path,
            out=out,
            as_json=as_json,
            points=points,
            every=every,
            fps=fps,
            smooth=smooth,
            expression=expression,
            models=ModelChoices(
                detector=detector,
                landmarks=landmarks,
                pose=pose,
                expression=expression_net,
                precision=precision,
                second_landmark_pass=second_pass,
            ),
            detection=DetectionPlan(long_side_px=long_side, min_confidence=min_confidence),
            device=settings.device,
            threads=settings.threads,
            stop=stop_on_signals(),
        )
    )


@app.command()
def ingest(
    site_path: SiteFile,
    shard: Annotated[str, typer.Option(help="i/n: every n-th camera from the i-th on.")] = "0/1",
) -> None:
    """Read the cameras and publish their frames (one service)."""
    from deploy.local.child_process import guarded
    from ingest.metrics import IngestMetrics
    from ingest.runner import run_ingest

    site, settings = load_site(site_path), _settings()
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


@app.command(name="ingest-group", hidden=True)
def ingest_group() -> None:
    """Read the cameras that `facepose ingest` orders over standard input."""
    from ingest.groups.group_process import run_group_process

    run_group_process(_settings(), stop_on_signals())


@app.command()
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

    site, settings = load_site(site_path), _settings()
    part, stop, chosen = _shard(shard), stop_on_signals(), chosen_devices(devices, settings)
    # With several GPUs each one's process tells for itself, on a port of its own.
    missing = gauge_says_ready("facepose_worker_ready") if len(chosen) < 2 else list[str]
    with _health(settings, stop, missing):
        recording = recording_of(site, run, room)
        run_workers(
            site_path, site, settings, shard=part, devices=chosen, stop=stop, recording=recording
        )


@app.command()
def aggregator(site_path: SiteFile, run: RunId = "", room: RoomId = None) -> None:
    """Turn faces into scores in PostgreSQL (one service)."""
    from aggregator.recorded_run import RecordedRun
    from aggregator.retention import kept_from
    from aggregator.runner import run_aggregator

    site, settings, stop = load_site(site_path), _settings(), stop_on_signals()
    recording, recorded = recording_of(site, run, room), None
    if recording.room is not None:
        kept = kept_from(site.retention, dt.datetime.now(dt.UTC))
        recorded = RecordedRun(recording.run_id, recording.room, kept)
    watch = SiteWatch(site_path, site) if recorded is None else None
    with _health(settings, stop, gauge_says_ready("facepose_aggregator_ready")):
        run_aggregator(site, settings, stop, run=recorded, watch=watch)


@app.command()
def replay(
    films: Annotated[
        list[str], typer.Argument(metavar="FILM…", help="Films, or CAMERA=FILM for each.")
    ],
    site_path: Annotated[Path, typer.Option("--site", help="The site file.")],
    room: Annotated[str, typer.Option(help="Where they were recorded.")],
    start: Annotated[
        str, typer.Option(help="When they begin: 2026-03-02T08:30, local, or with +01:00.")
    ],
    class_id: Annotated[str, typer.Option("--class", help="Of the timetable.")] = "",
    activity: Annotated[Activity, typer.Option(help="Of the whole lesson.")] = "unknown",
    workers: Annotated[
        bool, typer.Option("--workers/--no-workers", help="Analyse here, or elsewhere.")
    ] = True,
) -> None:
    """Send films of lessons that are over through the pipeline, faster than real time."""
    from deploy.replay_command import ReplayOptions, run_replay

    os.nice(10)  # and so all that is started here: the live rooms come first
    site, settings, stop = load_site(site_path), _settings(), stop_on_signals()
    options = ReplayOptions(films, room, start, class_id, activity, has_workers=workers)
    if not run_replay(site_path, site, settings, options, console, stop):
        raise typer.Exit(exit_codes.FAILED)


@app.command(name="simulate-cameras", hidden=True)
def simulate_cameras(
    folder: Annotated[Path, typer.Argument(help="Folder of films, NAME.mp4 each.")],
    port: Annotated[int, typer.Option(min=0, max=65535)] = 0,
    announce: Annotated[Path | None, typer.Option(help="Write url and start time here.")] = None,
    loop: Annotated[bool, typer.Option("--loop")] = False,
) -> None:
    """Serve films over RTSP in real time, as if they were cameras."""
    from deploy.simulator.serve import serve_films

    configure_logs()
    serve_films(folder, port=port, announce=announce, loop=loop)


@weights_app.command("pull")
def weights_pull(
    names: Annotated[list[str] | None, typer.Argument(help="Which; all needed if absent.")] = None,
    all_weights: Annotated[
        bool, typer.Option("--all", help="Also those that no default choice needs.")
    ] = False,
) -> None:
    """Fetch the networks' weights, verify their hashes and keep them in the cache."""
    from deploy.weights_command import pull_with_progress

    pull_with_progress(names or [], _settings().device, console, all_weights=all_weights)


@weights_app.command("list")
def weights_list() -> None:
    """Show each network's weights: licence, origin, and whether they are here."""
    from deploy.weights_command import show_weights

    show_weights(console)


@db_app.command("upgrade")
def db_upgrade() -> None:
    """Create the tables, or bring them to this version."""
    from deploy.database_command import upgrade_database

    upgrade_database(_settings().require_database_url(), console)


@db_app.command("sync")
def db_sync(
    site_path: SiteFile,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
) -> None:
    """Bring rooms, cameras, seats and calibrations of a site file into the tables."""
    from deploy.database_command import sync_database

    sync_database(_settings().require_database_url(), load_site(site_path), dry_run, console)


@db_app.command("shell", context_settings={"ignore_unknown_options": True})
def db_shell(
    arguments: Annotated[list[str] | None, typer.Argument(help="Handed to psql.")] = None,
    state: Annotated[
        Path | None,
        typer.Option(help="State folder of the embedded servers; else FACEPOSE_STATE, .facepose."),
    ] = None,
) -> None:
    """Open psql on DATABASE_URL, or on the embedded database of a state folder."""
    from deploy.database_command import open_shell

    settings = _settings()
    folder = state or settings.state or Path(".facepose")
    raise typer.Exit(open_shell(settings, folder, arguments or []))


def main() -> NoReturn:
    """Run the command; every expected failure is a sentence and an exit status."""
    try:
        app(standalone_mode=True)
    except (SettingsError, SiteFileError) as exc:
        _fail(str(exc), exit_codes.CONFIG)
    except FacePoseError as exc:
        _fail(str(exc), exit_codes.UNAVAILABLE)
    except OSError as exc:
        if (sentence := _about_files(exc)) is None:
            raise
        _fail(sentence, exit_codes.UNAVAILABLE)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(exit_codes.OK)


def _about_files(exc: OSError) -> str | None:
    """A sentence about a file or disk that cannot be used; None for any other trouble."""
    if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"the disk is full ({exc.filename or 'no file named'}): free some space, then retry"
    if isinstance(exc.filename, str | os.PathLike):
        return f"{os.fspath(exc.filename)} cannot be used: {exc.strerror}"
    return None


def _fail(text: str, status: int) -> NoReturn:
    errors.print(text, style="red", highlight=False, markup=False, soft_wrap=True)
    sys.exit(status)


def _settings() -> Settings:
    settings = load_settings()
    configure_logs(settings.log_format)
    return settings


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
