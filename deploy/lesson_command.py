"""`facepose lesson`: a scripted lesson through the aggregator, judged against what was scripted."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.lesson.judgement import Judgement
from deploy.lesson.limits import verdicts
from deploy.lesson.noise_model import load_noise
from deploy.lesson.play import LessonOptions, play
from schemas.errors import SettingsError
from schemas.settings import Settings
from workers.geometry.canonical_mesh import load_canonical_mesh

_DIGITS: Final = 4


def run_lesson(
    options: LessonOptions,
    settings: Settings,
    console: Console,
    stop: threading.Event,
    *,
    video: bool,
    as_json: bool,
    state: Path,
) -> bool:
    """Play the lesson and show the judgement; whether every limit was kept.

    Raises:
        SettingsError: no such class, or too short a lesson.
        FacePoseError: with `video`: the pipeline cannot run; its text says what to do.
    """
    quiet = Console(stderr=True) if as_json else console
    try:
        judgement = (
            _from_films(options, settings, quiet, stop, state) if video else _played(options, quiet)
        )
    except ValueError as exc:
        raise SettingsError(str(exc)) from exc
    if judgement is None:
        return False
    kept = all(verdict.kept for verdict in verdicts(judgement))
    if as_json:
        figures = _figures(judgement) | {"seed": options.seed, "kept": kept}
        console.print_json(json.dumps(figures))
    else:
        _show(judgement, options, console)
    return kept


def _played(options: LessonOptions, console: Console) -> Judgement:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0)
        return play(
            options,
            load_canonical_mesh(),
            load_noise(),
            lambda what, share: bar.update(task, description=what, completed=share),
        )


def _from_films(
    options: LessonOptions,
    settings: Settings,
    console: Console,
    stop: threading.Event,
    state: Path,
) -> Judgement | None:
    from deploy.lesson.film_run import run_films  # noqa: PLC0415  only here servers are needed

    return run_films(options, settings, console, stop, state)


def _figures(judgement: Judgement) -> dict[str, object]:
    return {
        name: round(value, _DIGITS) if isinstance(value, float) else value
        for name, value in asdict(judgement).items()
    }


def _show(judgement: Judgement, options: LessonOptions, console: Console) -> None:
    table = Table(
        title=f"A simulated lesson of {judgement.seconds / 60:g} min, {options.seats} seats, "
        f"seed {options.seed}",
        title_justify="left",
    )
    for name in ("figure", "measured", "limit", ""):
        table.add_column(name)
    for verdict in verdicts(judgement):
        mark = "kept" if verdict.kept else "[red]missed[/red]"
        table.add_row(verdict.name, verdict.figure, verdict.limit, mark)
    console.print(table)
    from_start = f"{100 * judgement.head_count_within_1_from_start:.1f} %"
    coverage = "–" if judgement.coverage_mean is None else f"{judgement.coverage_mean:.2f}"
    console.print(
        f"{judgement.students} students in {judgement.participations} participations, "
        f"mean coverage {coverage}; {judgement.needlessly_anonymous} students lost their names "
        "though they kept their seats. A seat counts its student after 30 s; counting everybody "
        "from the moment they sit, the head count is at most 1 off "
        f"in {from_start} of the seconds.",
        highlight=False,
    )
