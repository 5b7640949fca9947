"""The `facepose` command: parse, load, build, run."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from rich.console import Console

from deploy import exit_codes
from deploy import model_options as options
from deploy.activity_app import activity_app
from deploy.bench_command import bench_app
from deploy.calibrate_app import calibrate_app
from deploy.chaos_command import chaos_app
from deploy.consent_app import consent_app
from deploy.database_app import db_app
from deploy.evaluate_command import evaluate_app
from deploy.process_setup import configure_logs, process_settings, stop_on_signals
from deploy.report_app import report_app
from deploy.rescore_app import rescore_app
from deploy.roster_app import roster_app
from deploy.safeguards_app import safeguards_app
from deploy.seats_app import seats_app
from deploy.services_app import SiteFile, services_app
from deploy.sql_app import sql_app
from schemas.analysis import DetectionPlan, ModelChoices
from schemas.errors import FacePoseError, SettingsError, SiteFileError
from schemas.site import Activity
from schemas.site_file import load_site

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
app.add_typer(services_app)
app.add_typer(activity_app)
app.add_typer(calibrate_app)
app.add_typer(seats_app, name="seats")
app.add_typer(roster_app, name="roster")
app.add_typer(consent_app, name="consent")
app.add_typer(safeguards_app)
app.add_typer(rescore_app)
app.add_typer(report_app, name="report")
app.add_typer(sql_app)
app.add_typer(chaos_app)
app.add_typer(weights_app, name="weights")
app.add_typer(db_app, name="db")
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(bench_app, name="bench")


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
    weeks: Annotated[
        int, typer.Option(min=0, max=8, help="Weeks of lessons to play before, once; 0: none.")
    ] = 4,
    weekly: Annotated[
        Path | None,
        typer.Option(help="Write the last week's report to this file as HTML, and PDF."),
    ] = Path("demo-weekly.html"),
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Only get the weights and render the lesson.")
    ] = False,
) -> None:
    """Run everything on simulated cameras: no camera, no server and no GPU needed."""
    from deploy.demo.run import DemoOptions, prepare_demo, run_demo

    options = DemoOptions(
        minutes=minutes,
        seed=seed,
        keep=keep,
        summary=summary,
        report=report,
        state=state,
        weeks=weeks,
        weekly=weekly,
    )
    settings = process_settings()
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

    site, settings = load_site(site_path), process_settings()
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
    if not run_check(site_path, process_settings(), console, as_json=as_json):
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

    settings = process_settings()
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

    settings = process_settings()
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
    site, settings, stop = load_site(site_path), process_settings(), stop_on_signals()
    options = ReplayOptions(films, room, start, class_id, activity, has_workers=workers)
    if not run_replay(site_path, site, settings, options, console, stop):
        raise typer.Exit(exit_codes.FAILED)


@app.command()
def lesson(
    minutes: Annotated[int, typer.Option(min=2, max=180, help="Length of the lesson.")] = 45,
    seats: Annotated[int, typer.Option(min=6, max=42, help="Of the class.")] = 30,
    seed: Annotated[int, typer.Option(help="Of everything that is invented.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    video: Annotated[
        bool, typer.Option("--video", help="Draw it as films, through the whole pipeline.")
    ] = False,
    state: Annotated[
        Path, typer.Option(help="With --video: folder for the embedded servers' files.")
    ] = Path(".facepose/lesson"),
) -> None:
    """Play a scripted lesson through the aggregator and judge its rows against the script."""
    from deploy.lesson.play import LessonOptions
    from deploy.lesson_command import run_lesson

    options = LessonOptions(minutes, seats, seed)
    settings, stop = process_settings(), stop_on_signals()
    if not run_lesson(options, settings, console, stop, video=video, as_json=as_json, state=state):
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

    pull_with_progress(names or [], process_settings().device, console, all_weights=all_weights)


@weights_app.command("list")
def weights_list() -> None:
    """Show each network's weights: licence, origin, and whether they are here."""
    from deploy.weights_command import show_weights

    show_weights(console)


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
