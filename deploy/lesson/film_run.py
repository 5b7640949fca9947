"""The lesson drawn as films and sent through the whole pipeline, as `facepose replay` does."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import sqlalchemy as sa
import yaml
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from aggregator.rows import AttentionWindowRow, Row
from deploy.lesson.errors import OtherRowsError
from deploy.lesson.judgement import Judgement
from deploy.lesson.log_tap import TappedProcesses
from deploy.lesson.play import FPS, LessonOptions, Stakes, prepare, replayed
from deploy.lesson.school import ACTIVITY, CLASS_ID, school_block
from deploy.local.job_servers import job_servers
from deploy.local.stack import Servers
from deploy.local.up import prepare_database, pull_needed_weights
from deploy.replay.job import ReplayJob
from deploy.replay.processes import OwnProcesses
from deploy.replay.request import ReplayRequest, read_request
from deploy.simulator.film import Simulation, build
from deploy.worker_command import chosen_devices
from schemas.database import create_engine
from schemas.settings import Settings
from schemas.site import Site
from schemas.site_file import load_site
from workers.geometry.canonical_mesh import load_canonical_mesh
from workers.weights import cache_folder

_WINDOWS: Final = sa.text(
    "SELECT count(*), sum(sum_x), sum(n_obs), sum(n_exp) FROM attention_windows "
    "WHERE meeting_id = :meeting AND window_start >= to_timestamp(:since)"
)
_BEFORE_NOW: Final = dt.timedelta(minutes=10)


def run_films(
    options: LessonOptions,
    settings: Settings,
    console: Console,
    stop: threading.Event,
    folder: Path,
) -> Judgement | None:
    """Draw, send and judge; None when it was stopped before the films' end.

    Raises:
        FacePoseError: something needed cannot be had; its text says what to do.
        ValueError: no such class, or too short a lesson.
    """
    # Windows older than the retention would not be kept: the lesson ended a moment ago.
    length = dt.timedelta(minutes=options.minutes)
    start = (dt.datetime.now(dt.UTC) - length - _BEFORE_NOW).replace(second=0, microsecond=0)
    stakes = prepare(
        options, load_canonical_mesh(), lambda _what, _share: None, start=start, activity=ACTIVITY
    )
    simulation = _draw(options, stakes, console)
    folder.mkdir(parents=True, exist_ok=True)
    site_path, site = _write_site(folder, options, stakes, simulation)
    pull_needed_weights(site, console)
    request = _request(site, simulation, start)
    with job_servers(folder.absolute(), settings, len(simulation.films)) as servers:
        prepare_database(site, servers, console)
        devices = chosen_devices(None, settings)
        own = OwnProcesses(site_path, site, folder.absolute() / "logs", devices)
        tapped = TappedProcesses(own)
        if not ReplayJob(site, request, servers, tapped, console, stop).run():
            return None
        judgement, rows = replayed(tapped.complete(), stakes, request.run_id)
        _compare(rows, servers)
    return judgement


def _draw(options: LessonOptions, stakes: Stakes, console: Console) -> Simulation:
    """Render the films of both cameras, or find them rendered before."""
    classroom = stakes.classroom
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(f"drawing a lesson of {options.minutes} min", total=None)
        return build(
            options.minutes,
            options.seed,
            cache_folder() / "simulations",
            lambda done, total: bar.update(task, completed=done, total=total),
            rooms=(classroom.room,),
            lessons=(classroom.lesson,),
        )


def _write_site(
    folder: Path, options: LessonOptions, stakes: Stakes, simulation: Simulation
) -> tuple[Path, Site]:
    films = {film.camera_id: str(film.film_path) for film in simulation.films}
    block = school_block(stakes.usual, films.__getitem__, minutes=options.minutes, analysis_fps=FPS)
    path = folder / "site.yaml"
    path.write_text(
        "# Written by `facepose lesson --video`: nobody in this room is real.\n"
        + yaml.safe_dump(block, sort_keys=False),
        encoding="utf-8",
    )
    return path, load_site(path)


def _request(site: Site, simulation: Simulation, start: dt.datetime) -> ReplayRequest:
    return read_request(
        site,
        [f"{film.camera_id}={film.film_path}" for film in simulation.films],
        room_id=site.rooms[0].id,
        start=start,
        class_id=CLASS_ID,
        activity=ACTIVITY,
        now=dt.datetime.now(dt.UTC),
    )


def _compare(rows: Sequence[Row], servers: Servers) -> None:
    """The rows that were judged are those that stand in PostgreSQL.

    Raises:
        OtherRowsError: they are not.
    """
    windows = [row for row in rows if isinstance(row, AttentionWindowRow)]
    judged = (
        len(windows),
        *(sum(getattr(row, name) for row in windows) for name in ("sum_x", "n_obs", "n_exp")),
    )
    engine = create_engine(servers.settings.require_database_url())
    try:
        with engine.connect() as connection:
            first = min((row.window_start for row in windows), default=0)
            meeting = windows[0].meeting_id if windows else 0
            values = {"meeting": meeting, "since": first}
            found = tuple(int(v or 0) for v in connection.execute(_WINDOWS, values).one())
    finally:
        engine.dispose()
    if found != judged:
        raise OtherRowsError(
            f"windows, sum_x, n_obs, n_exp: the database has {found}, the log gives {judged}"
        )
