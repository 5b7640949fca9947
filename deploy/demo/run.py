"""`facepose demo`: the whole pipeline on simulated cameras over real RTSP."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from deploy.demo.history import SEED, HistoryOptions, ensure_history
from deploy.demo.history_plan import plan_history
from deploy.demo.page import write_page
from deploy.demo.readiness import start_cameras, wait_for_worker
from deploy.demo.report import print_summary
from deploy.demo.summary import (
    Student,
    Summary,
    agreement,
    read_students,
)
from deploy.demo.truth import TrueScores
from deploy.demo.weekly import write_weekly
from deploy.local.live_view import LiveView
from deploy.local.stack import Servers, Stack, running_servers
from deploy.local.supervisor import Supervisor
from deploy.local.up import let_last_windows_through, prepare_database, show_live
from deploy.simulator.film import Simulation, build
from deploy.simulator.site_file import write_site_file
from deploy.weights_command import DEFAULT_NAMES, pull_with_progress
from schemas.database import create_engine
from schemas.settings import Settings, plain_database_url
from schemas.site import Site
from schemas.site_file import load_site
from workers.weights import cache_folder

FIRST_SCORE: Final = sa.text(
    "SELECT 1 FROM attention_windows "
    "WHERE score IS NOT NULL AND window_start >= to_timestamp(:since) LIMIT 1"
)


@dataclass(frozen=True)
class DemoOptions:
    """What the command line says."""

    minutes: float
    seed: int
    keep: bool
    summary: Path | None
    report: Path | None
    state: Path
    weeks: int
    weekly: Path | None


def prepare_demo(options: DemoOptions, settings: Settings, console: Console) -> Simulation:
    """Get weights and networks ready and render the lesson; at once when all are there."""
    pull_with_progress(DEFAULT_NAMES, settings.device, console)
    folder = cache_folder() / "simulations"
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"drawing a lesson of {options.minutes:g} min", total=None)
        return build(
            options.minutes,
            options.seed,
            folder,
            lambda done, total: progress.update(task, completed=done, total=total),
        )


def run_demo(
    options: DemoOptions, settings: Settings, console: Console, stop: threading.Event
) -> Summary | None:
    """Run the lesson and print what came of it; None when it was stopped before its end.

    Raises:
        FacePoseError: something needed for the start cannot be had; its text says what to do.
    """
    simulation = prepare_demo(options, settings, console)
    folder = options.state.absolute()
    started_s = time.time()
    with running_servers(folder, settings, len(simulation.films)) as servers:
        supervisor = Supervisor(folder / "logs")
        try:
            return _run_lesson(options, simulation, servers, supervisor, console, stop, started_s)
        finally:
            supervisor.stop()
            console.print("Stopped.")


def _run_lesson(
    options: DemoOptions,
    simulation: Simulation,
    servers: Servers,
    supervisor: Supervisor,
    console: Console,
    stop: threading.Event,
    started_s: float,
) -> Summary | None:
    folder = options.state.absolute()
    site_path = folder / "site.yaml"
    # The services start before the cameras, so that the lesson's first seconds are not missed.
    write_site_file(site_path, simulation, lambda camera: f"rtsp://127.0.0.1:1/{camera}")
    site = load_site(site_path)
    started_s += _play_history(options, simulation, site, servers, console, stop)
    if stop.is_set():
        console.print("Stopped before the lesson.")
        return None
    prepare_database(site, servers, console)
    stack = Stack(site_path, site, servers, supervisor)
    stack.start(("worker", "aggregator"))
    with console.status("loading the networks"):
        wait_for_worker(stack, stop)
    cameras = start_cameras(simulation, folder, servers, supervisor)
    write_site_file(site_path, simulation, lambda camera: f"{cameras.url}/{camera}")
    stack.site = load_site(site_path)
    stack.start(("ingest",))
    until_s = cameras.started_at_ns / 1e9 + simulation.duration_s
    first = _FirstScore(servers, started_s)
    console.print(
        f"{len(simulation.rooms)} rooms, {len(simulation.films)} cameras at {cameras.url}, "
        f"{simulation.duration_s / 60:g} minutes; logs in {folder / 'logs'}",
        highlight=False,
    )
    view = show_live(stack, console, stop, until_s, on_look=first.look)
    if stop.is_set():
        console.print("Stopped before the lesson's end: no summary.")
        stack.stop()
        return None
    # The log is trimmed behind the aggregator, so the view must not fall behind it.
    let_last_windows_through(stack, console, stop, on_look=view.update)
    first.look()
    view.update()
    truth = TrueScores([film.truth_path for film in simulation.films], cameras.started_at_ns)
    weekly = _weekly(options, stack.site, servers)
    summary, students = _summarise(
        options, simulation, servers, view, truth, weekly, started_s, first.after_s
    )
    print_summary(summary, students, weekly, options.state, console)
    if options.summary is not None:
        summary.write(options.summary)
    if options.keep:
        console.print(
            f"The servers stay up until Ctrl-C. Database: {summary.database_url}",
            highlight=False,
            soft_wrap=True,
        )
        stop.wait()
    return summary


def _play_history(
    options: DemoOptions,
    simulation: Simulation,
    site: Site,
    servers: Servers,
    console: Console,
    stop: threading.Event,
) -> float:
    """Weeks of lessons before this one, unless they are there; the seconds that it took."""
    if not options.weeks:
        return 0.0
    begun_s = time.time()
    today = dt.datetime.now(site.time_zone).date()
    lessons = plan_history(today, site.time_zone, SEED, options.weeks)
    history = HistoryOptions(site, simulation.rooms, lessons)
    ensure_history(history, servers.settings.require_database_url(), console, stop)
    return time.time() - begun_s


class _FirstScore:
    """Notices when the first score stands in PostgreSQL."""

    def __init__(self, servers: Servers, started_s: float) -> None:
        self._engine = create_engine(servers.settings.require_database_url())
        self._started_s = started_s
        self.after_s: float | None = None

    def look(self) -> None:
        if self.after_s is not None:
            return
        try:
            with self._engine.connect() as connection:
                if connection.execute(FIRST_SCORE, {"since": self._started_s}).first():
                    self.after_s = time.time() - self._started_s
        except sa.exc.OperationalError:  # the database is away; look again later
            return


@contextmanager
def _engine(servers: Servers) -> Iterator[sa.Engine]:
    engine = create_engine(servers.settings.require_database_url())
    try:
        yield engine
    finally:
        engine.dispose()


def _summarise(
    options: DemoOptions,
    simulation: Simulation,
    servers: Servers,
    view: LiveView,
    truth: TrueScores,
    weekly: tuple[Path, ...],
    started_s: float,
    first_score_s: float | None,
) -> tuple[Summary, list[Student]]:
    site_id = "simulated-school"
    with _engine(servers) as engine:
        students = read_students(engine, site_id, started_s, truth)
    spearman, mean_abs_diff = agreement(students)
    summary = Summary(
        rooms=len(simulation.rooms),
        cameras=len(simulation.films),
        students=len(students),
        windows=sum(student.windows for student in students),
        first_score_s=None if first_score_s is None else round(first_score_s, 1),
        spearman=None if spearman is None else round(spearman, 4),
        mean_abs_diff=None if mean_abs_diff is None else round(mean_abs_diff, 2),
        coverage_mean=_mean([student.coverage for student in students]),
        frames=sum(camera.analysed for camera in view.cameras.values()),
        dropped=sum(camera.dropped for camera in view.cameras.values()),
        report_paths=tuple(str(path) for path in (options.report, *weekly) if path is not None),
        database_url=plain_database_url(servers.settings.require_database_url()),
    )
    if options.report is not None:
        write_page(options.report, summary, students)
    return summary, students


def _weekly(options: DemoOptions, site: Site, servers: Servers) -> tuple[Path, ...]:
    if options.weekly is None:
        return ()
    with _engine(servers) as engine:
        return write_weekly(engine, site, options.weekly)


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None
