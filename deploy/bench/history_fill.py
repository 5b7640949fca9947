"""The rows of `facepose bench history`, by INSERT … SELECT: see `history_fill.sql`."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, text

from aggregator.formula import register_formula
from aggregator.history.day_curves import CURVES, SHOWN
from deploy.bench.history_size import ROOMS_A_SITE, HistoryOptions
from schemas.database import connect
from schemas.partitions import ensure_partitions

ZONE: Final = ZoneInfo("Europe/Amsterdam")
Progress = Callable[[int, int], None]
"""Told how many days of how many are filled."""

_FILE: Final = "history_fill.sql"
_ONCE: Final = (
    "orgs", "sites", "rooms", "cameras", "seats", "classes", "students", "consents", "calibrations",
)  # fmt: skip
_DAILY: Final = (
    "meetings", "meeting_summaries", "meeting_minutes", "participations",
    "participation_summaries", "events",
)  # fmt: skip
_WINDOWS: Final = ("attention_windows", "attention_minutes")
_CURVES: Final = f"""
    WITH shown AS ({SHOWN} AND s.meeting_start >= :begin AND s.meeting_start < :end)
    INSERT INTO site_day_curves
        (site_id, day, minute_no, score_version, sum_score, n_scored, n_lessons)
    {CURVES}
"""


def school_days(count: int, before: dt.date) -> list[dt.date]:
    """The newest `count` weekdays before a day, the earliest first."""
    days: list[dt.date] = []
    day = before
    while len(days) < count:
        day -= dt.timedelta(days=1)
        if day.weekday() < 5:
            days.append(day)
    return days[::-1]


def window_days(days: list[dt.date], today: dt.date) -> set[dt.date]:
    """The newest day, and the Thursday of the last whole week, or the day before."""
    thursday = today - dt.timedelta(days=today.weekday() + 4)
    second = thursday if thursday in days[:-1] else days[-2:][0]
    return {days[-1], second}


def fill(engine: Engine, options: HistoryOptions, today: dt.date, progress: Progress) -> None:
    """Fill an empty, migrated database with the school days before `today`."""
    days = school_days(options.days, today)
    with_windows = window_days(days, today)
    statements = dict(_statements())
    _places(engine, options, days[0], statements)
    for number, day in enumerate(days):
        names = [*_DAILY]
        if number >= options.days - options.camera_days:
            names.append("camera_minutes")
        if day in with_windows:
            names += _WINDOWS
        with connect(engine) as connection:
            _without_checks(connection)
            values = _values(options, day, number)
            for name in names:
                connection.execute(text(statements[name]), _used(statements[name], values))
            connection.execute(text(_CURVES), _used(_CURVES, values))
            connection.commit()
        progress(number + 1, len(days))


def gather_statistics(engine: Engine) -> None:
    """What a running database's own service does by and by: VACUUM and ANALYZE."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE)"))


def _places(
    engine: Engine, options: HistoryOptions, first: dt.date, statements: dict[str, str]
) -> None:
    """Schools, rooms and classes, the partitions of all days, and the score's version."""
    with connect(engine) as connection:
        begin = dt.datetime.combine(first, dt.time(), ZONE)
        ensure_partitions(connection, begin, days=(dt.datetime.now(ZONE) - begin).days + 2)
        register_formula(connection)
        values = _values(options, first, 0)
        for name in _ONCE:
            connection.execute(text(statements[name]), _used(statements[name], values))
        connection.commit()


def _without_checks(connection: Connection) -> None:
    """References are right by construction: looking each of them up would take most of the time."""
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    connection.execute(text("SET LOCAL synchronous_commit = off"))


def _values(options: HistoryOptions, day: dt.date, number: int) -> dict[str, Any]:
    begin = dt.datetime.combine(day, dt.time(), ZONE)
    return {
        "sites": options.sites,
        "rooms": options.rooms,
        "rooms_a_site": ROOMS_A_SITE,
        "students": options.students,
        "sites_in_full": options.sites_in_full,
        "first_at": begin,
        "begin": begin,
        "end": begin + dt.timedelta(days=1),
        "day": day.isoformat(),
        "number": number,
    }


def _used(sql: str, values: dict[str, Any]) -> dict[str, Any]:
    names = set(re.findall(r"(?<!:):(\w+)", sql))
    return {name: value for name, value in values.items() if name in names}


def _statements() -> Iterator[tuple[str, str]]:
    """Name and text of each statement of the file."""
    sql = files("deploy.bench").joinpath(_FILE).read_text(encoding="utf-8")
    for part in re.split(r"^-- name: ", sql, flags=re.MULTILINE)[1:]:
        name, _, body = part.partition("\n")
        yield name.strip(), body.strip().rstrip(";")
