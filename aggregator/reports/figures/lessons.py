"""Lessons of a scope in numbers: the one place that says how lessons are averaged.

Attention is the mean of lessons weighted by their students scored, which is the mean of all
students' lessons; the daily curves are made with the same weights. Coverage is the share of the
students' seconds of presence that was observed, so lessons weigh by students and minutes.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from aggregator.reports.figures.scope import Row, Scope, ask, ask_one
from aggregator.results import LOST_POINTS

FIGURES: Final = f"""
    count(*) AS lessons,
    count(*) FILTER (WHERE reported) AS reported,
    sum(attention * students_scored)
        / nullif(sum(students_scored) FILTER (WHERE attention IS NOT NULL), 0) AS attention,
    coalesce(sum(students_scored) FILTER (WHERE attention IS NOT NULL), 0) AS student_lessons,
    coalesce(max(students_scored) FILTER (WHERE attention IS NOT NULL), 0) AS students,
    sum(coverage * students_present * minutes)
        / nullif(sum(students_present * minutes), 0) AS coverage,
    count(*) FILTER (WHERE lost_points >= {LOST_POINTS}) AS lost,
    count(lost_points) AS comparable,
    sum(camera_down_s) / nullif(sum(minutes * 60.0), 0) AS camera_down,
    array_agg(DISTINCT score_version ORDER BY score_version) AS score_versions
"""
IN_SCOPE: Final = """
    site = :site AND started_at >= :start AND started_at < :end
    AND (CAST(:class AS text) IS NULL OR class = :class)
    AND (CAST(:room AS text) IS NULL OR room = :room)
"""

# All lessons of the scope as one row.
TOTALS: Final = text(f"SELECT {FIGURES} FROM v_lessons WHERE {IN_SCOPE}")  # noqa: S608

# The same by the week's Monday.
BY_WEEK: Final = text(
    f"SELECT local_week AS starts, {FIGURES} FROM v_lessons WHERE {IN_SCOPE}"  # noqa: S608
    " GROUP BY local_week ORDER BY local_week"
)

# The same by the month's first day.
BY_MONTH: Final = text(
    f"""
    SELECT CAST(date_trunc('month', local_date) AS date) AS starts, {FIGURES}
    FROM v_lessons WHERE {IN_SCOPE}
    GROUP BY 1 ORDER BY 1
    """  # noqa: S608
)


class Totals(NamedTuple):
    """A scope's lessons; attention in points, shares 0..1.

    Attributes:
        lessons: with a summary.
        reported: with enough evidence, and k students or more behind the figure.
        student_lessons: sum of the students scored, the weights of `attention`.
        students: of the lesson with most students scored; so many at least stand behind it.
        lost: lost LOST_POINTS or more after minute 25, of the `comparable` ones.
        camera_down: share of the lessons' time without a camera.
        score_versions: of its lessons.
    """

    lessons: int = 0
    reported: int = 0
    attention: float | None = None
    student_lessons: int = 0
    students: int = 0
    coverage: float | None = None
    lost: int = 0
    comparable: int = 0
    camera_down: float | None = None
    score_versions: tuple[int, ...] = ()


def totals(connection: Connection, scope: Scope) -> Totals:
    """All lessons of the scope."""
    return _totals(ask_one(connection, TOTALS, scope))


def by_week(connection: Connection, scope: Scope) -> dict[dt.date, Totals]:
    """The scope's lessons by the Monday of their local week; weeks without lessons are missing."""
    return {row.pop("starts"): _totals(row) for row in ask(connection, BY_WEEK, scope)}


def by_month(connection: Connection, scope: Scope) -> dict[dt.date, Totals]:
    """The scope's lessons by the first day of their local month."""
    return {row.pop("starts"): _totals(row) for row in ask(connection, BY_MONTH, scope)}


def _totals(row: Row) -> Totals:
    versions = tuple(row.pop("score_versions") or ())
    whole = {name: int(row[name]) for name in ("student_lessons", "students")}
    return Totals(**{**row, **whole, "score_versions": versions})
