"""`facepose rescore`: history under a new score version, written beside the old one."""

from __future__ import annotations

import datetime as dt
import threading
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml
from rich.console import Console
from sqlalchemy import Engine

from aggregator.errors import ScoreParamsError
from aggregator.formula import code_version
from aggregator.reference import Places
from aggregator.rescoring.comparison import Comparison, compare
from aggregator.rescoring.history import HistoryRescorer, Period, RescoreReport
from aggregator.rescoring.recompute import Rescorer
from aggregator.rescoring.registration import register_version
from aggregator.score_params import AS_1, ScoreParams, params_from
from deploy.progress_bar import counting
from schemas.database import connect, create_engine, require_migrated
from schemas.settings import Settings
from schemas.site import Site

_READERS: Final[dict[str, Callable[[str], Any]]] = {
    ".yaml": yaml.safe_load,
    ".yml": yaml.safe_load,
    ".json": msgspec.json.decode,
    ".toml": tomllib.loads,
}
_MALFORMED: Final = (yaml.YAMLError, msgspec.DecodeError, tomllib.TOMLDecodeError, UnicodeError)
_SHOWN_LESSONS: Final = 20


@dataclass(frozen=True)
class RescoreOptions:
    """The command line; see `facepose rescore --help`."""

    params: Path
    version: int
    since: str | None
    until: str | None
    dry_run: bool
    as_json: bool


def run_rescore(
    site: Site,
    settings: Settings,
    options: RescoreOptions,
    console: Console,
    stop: threading.Event,
) -> bool:
    """Recompute the site's lessons; False when it was stopped before the last of them.

    Raises:
        FacePoseError: it cannot be done; the text says why, and what to do.
    """
    params = read_params(options.params)
    period = Period(local_day(options.since, site), local_day(options.until, site))
    engine = create_engine(settings.require_database_url())
    site_id = _site_id(engine, site)
    _register(engine, params, options)
    rescorer = Rescorer(AS_1, params, options.version)
    rules = {rule.id: rule.activity for rule in site.timetable}
    history = HistoryRescorer(engine, site_id, rescorer, rules, dry_run=options.dry_run)
    total = history.count(period)
    with counting(console, hidden=options.as_json) as bar:
        task = bar.add_task("Lessons", total=total)
        report = history.run(
            period, stop=stop.is_set, progress=lambda done: bar.update(task, completed=done)
        )
    engine.dispose()
    if options.as_json:
        console.print_json(msgspec.json.encode(report).decode())
    else:
        for line in sentences(report, options, has_windows=rescorer.keeps_windows):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    return not stop.is_set()


def run_compare(
    site: Site, settings: Settings, one: int, other: int, console: Console, *, as_json: bool
) -> None:
    """Print how alike two versions' scores of the same lessons are."""
    engine = create_engine(settings.require_database_url(), pooled=False)
    site_id = _site_id(engine, site)
    with connect(engine) as connection:
        comparison = compare(connection, site_id, one, other)
    if as_json:
        console.print_json(msgspec.json.encode(comparison).decode())
        return
    for line in table(comparison):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def read_params(path: Path) -> ScoreParams:
    """Version 1's parameters with the changes in a .yaml, .json or .toml file.

    Raises:
        ScoreParamsError: it is no such file, or history cannot be recomputed with it.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise ScoreParamsError(f"{path}: name it .yaml, .json or .toml, by what it is written in")
    try:
        changes = read(path.read_text(encoding="utf-8"))
    except _MALFORMED as exc:
        raise ScoreParamsError(f"{path}: {' '.join(str(exc).split())}") from exc
    if not isinstance(changes, dict):
        raise ScoreParamsError(f"{path}: expected keys like `credit` and `front_box_deg`")
    try:
        return params_from(changes)
    except ScoreParamsError as exc:
        raise ScoreParamsError(f"{path}: {exc}") from exc


def local_day(text: str | None, site: Site) -> dt.datetime | None:
    """The midnight with which a day begins at the site.

    Raises:
        ScoreParamsError: it is no day.
    """
    if text is None:
        return None
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise ScoreParamsError(f"{text!r} is no day: write it like 2026-09-01") from None
    return dt.datetime.combine(day, dt.time(), tzinfo=site.time_zone)


def sentences(report: RescoreReport, options: RescoreOptions, *, has_windows: bool) -> list[str]:
    """What was done, and what was not and why."""
    verb = "would be recomputed" if options.dry_run else "recomputed"
    lines = [f"{report.done} lessons {verb} under score version {options.version}."]
    lines += [f"  {table}: {n} rows" for table, n in report.rows.items() if n]
    if report.already:
        lines.append(f"{report.already} lessons had this version already; they stay as they are.")
    if report.without_minutes:
        lines.append(
            f"{report.without_minutes} lessons were left out: the minutes of their students are "
            "not stored (any more)."
        )
    if report.without_activities:
        lines.append(
            f"{report.without_activities} lessons were recomputed as of activity `unknown`: "
            "neither the database nor the timetable tells theirs."
        )
    if not has_windows:
        lines.append(
            "Boxes or membership differ: windows keep only labels, so there are none under this "
            "version; minutes and lessons come from the directions of minutes."
        )
    return lines


def table(comparison: Comparison) -> list[str]:
    """The figures of two versions, and the last lessons one by one."""
    one, other = comparison.versions
    lines = [
        f"Score version {other} against {one}",
        f"{'':<20}{'r':>8}{'shift':>9}{'distance':>10}{'n':>9}",
    ]
    for level, found in comparison.levels.items():
        lines.append(
            f"{level:<20}{_figures(found.r, found.mean_shift, found.mean_abs_diff)}{found.n:>9}"
        )
    if comparison.lessons:
        lines.append("By lesson, over its students:")
    for lesson in comparison.lessons[-_SHOWN_LESSONS:]:
        figures = _figures(lesson.r, lesson.mean_shift, lesson.mean_abs_diff)
        lines.append(f"{lesson.meeting_start[:16]:<20}{figures}{lesson.n:>9}")
    return lines


def _figures(r: float | None, shift: float | None, distance: float | None) -> str:
    known = [
        "–" if value is None else f"{value:{form}}"
        for value, form in ((r, ".4f"), (shift, "+.2f"), (distance, ".2f"))
    ]
    return f"{known[0]:>8}{known[1]:>9}{known[2]:>10}"


def _site_id(engine: Engine, site: Site) -> int:
    """Number of the site. Raises: DatabaseVersionError, UnknownPlaceError."""
    places = Places(site.site.id)
    with connect(engine) as connection:
        require_migrated(connection)
        places.load(connection)
    return places.site_id


def _register(engine: Engine, params: ScoreParams, options: RescoreOptions) -> None:
    """Also without writing: a number that is taken is told before the work, not after it."""
    with connect(engine) as connection:
        register_version(
            connection,
            options.version,
            params,
            name=f"AS-1 with {options.params.name}",
            code_version=code_version(),
            at=dt.datetime.now(dt.UTC),
        )
        if not options.dry_run:
            connection.commit()
