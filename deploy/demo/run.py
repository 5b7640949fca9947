"""`facepose demo`: the whole pipeline on simulated cameras over real RTSP."""

from __future__ import annotations

import json
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

from deploy.demo.page import write_page
from deploy.demo.summary import (
    HEADING,
    Student,
    Summary,
    agreement,
    read_frames,
    read_students,
    students_table,
)
from deploy.demo.truth import TrueScores
from deploy.local.errors import LocalError
from deploy.local.stack import Servers, Stack, running_servers
from deploy.local.supervisor import Service, Supervisor
from deploy.local.up import let_last_windows_through, prepare_database, show_live
from deploy.simulator.film import Simulation, build
from deploy.simulator.site_file import write_site_file
from deploy.weights_command import DEFAULT_NAMES, pull_with_progress
from schemas.database import create_engine
from schemas.settings import Settings
from schemas.site_file import load_site
from schemas.streams import GROUP_WORKERS, frames_stream
from schemas.transport import connect
from workers.weights import cache_folder

CAMERAS_READY_S: Final = 30.0
WORKER_READY_S: Final = 120.0
DEMO_FPS: Final = 2.0

FIRST_SCORE: Final = sa.text(
    "SELECT 1 FROM attention_windows "
    "WHERE score IS NOT NULL AND window_start >= to_timestamp(:since) LIMIT 1"
)
MORE_SQL: Final = """\
SELECT r.name, s.label, w.window_start, w.score / 100.0 AS index, w.n_obs, w.n_exp,
       w.missing_reason
FROM attention_windows w JOIN participations p USING (participation_id)
JOIN rooms r ON r.room_id = w.room_id LEFT JOIN seats s ON s.seat_id = p.seat_id
ORDER BY 1, 2, 3;"""


@dataclass(frozen=True)
class DemoOptions:
    """What the command line says."""

    minutes: float
    seed: int
    keep: bool
    summary: Path | None
    report: Path | None
    state: Path


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
    prepare_database(site, servers, console)
    stack = Stack(site_path, site, servers, supervisor)
    stack.start(("worker", "aggregator"))
    with console.status("loading the networks"):
        _wait_for_worker(stack, stop)
    cameras = _start_cameras(simulation, folder, servers, supervisor)
    write_site_file(site_path, simulation, lambda camera: f"{cameras.url}/{camera}")
    stack.start(("ingest",))
    until_s = cameras.started_at_ns / 1e9 + simulation.duration_s
    first = _FirstScore(servers, started_s)
    console.print(
        f"{len(simulation.rooms)} rooms, {len(simulation.films)} cameras at {cameras.url}, "
        f"{simulation.duration_s / 60:g} minutes; logs in {folder / 'logs'}",
        highlight=False,
    )
    show_live(stack, console, stop, until_s, on_look=first.look)
    if stop.is_set():
        stack.stop()
        return None
    let_last_windows_through(stack, console, stop)
    first.look()
    truth = TrueScores([film.truth_path for film in simulation.films], cameras.started_at_ns)
    summary, students = _summarise(options, simulation, servers, truth, started_s, first.after_s)
    _print(summary, students, console)
    if options.summary is not None:
        summary.write(options.summary)
    if options.keep:
        console.print("The servers stay up until Ctrl-C.")
        stop.wait()
    return summary


@dataclass(frozen=True)
class _Cameras:
    """The running camera simulator."""

    url: str
    started_at_ns: int


def _start_cameras(
    simulation: Simulation, folder: Path, servers: Servers, supervisor: Supervisor
) -> _Cameras:
    announce = folder / "cameras.json"
    announce.unlink(missing_ok=True)
    arguments = ("simulate-cameras", str(simulation.folder), "--announce", str(announce))
    supervisor.start(Service("cameras", arguments, servers.environment))
    deadline_s = time.monotonic() + CAMERAS_READY_S
    while time.monotonic() < deadline_s:
        if announce.exists():
            said = json.loads(announce.read_text(encoding="utf-8"))
            return _Cameras(said["url"], said["started_at_ns"])
        time.sleep(0.1)
    raise LocalError(
        f"the simulated cameras did not start in {CAMERAS_READY_S:.0f} s:\n"
        f"{supervisor.last_words('cameras')}"
    )


def _wait_for_worker(stack: Stack, stop: threading.Event) -> None:
    """Wait until a worker reads: it warms up first, and frames would expire meanwhile."""
    client = connect(stack.servers.settings.require_frames_url())
    _room, camera = next(stack.site.cameras())
    deadline_s = time.monotonic() + WORKER_READY_S
    while time.monotonic() < deadline_s and not stop.wait(0.2):
        stack.supervisor.watch()
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


class _FirstScore:
    """Notices when the first score stands in PostgreSQL."""

    def __init__(self, servers: Servers, started_s: float) -> None:
        self._engine = create_engine(servers.settings.require_database_url())
        self._started_s = started_s
        self.after_s: float | None = None

    def look(self) -> None:
        if self.after_s is not None:
            return
        with self._engine.connect() as connection:
            if connection.execute(FIRST_SCORE, {"since": self._started_s}).first():
                self.after_s = time.time() - self._started_s


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
    truth: TrueScores,
    started_s: float,
    first_score_s: float | None,
) -> tuple[Summary, list[Student]]:
    site_id = "simulated-school"
    with _engine(servers) as engine:
        students = read_students(engine, site_id, started_s, truth)
        frames, dropped = read_frames(engine, site_id, started_s)
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
        frames=frames,
        dropped=dropped,
        report_paths=() if options.report is None else (str(options.report),),
        database_url=servers.settings.require_database_url(),
    )
    if options.report is not None:
        write_page(options.report, summary, students)
    return summary, students


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def _print(summary: Summary, students: list[Student], console: Console) -> None:
    console.print(students_table(students))
    console.print(
        f"[bold]{summary.students} students[/], {summary.windows} windows, "
        f"{summary.frames} frames analysed, {summary.dropped} dropped, "
        f"first score after {summary.first_score_s} s.\n"
        f"Agreement with the simulated truth: Spearman {summary.spearman}, "
        f"mean difference {summary.mean_abs_diff} points "
        f"(mean coverage {summary.coverage_mean}). [dim]({HEADING}: it proves the plumbing, not "
        "accuracy on people)[/]",
        highlight=False,
    )
    console.print(
        f"\nAsk for more:\n  psql '{summary.database_url}'", highlight=False, soft_wrap=True
    )
    console.print(MORE_SQL, highlight=False, style="cyan")
    for path in summary.report_paths:
        console.print(f"\nThe lesson as a page: {path}", highlight=False)
