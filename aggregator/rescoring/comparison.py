"""The same lessons under two score versions: how alike, how far apart (HISTORY, question 14)."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import Connection, text

_FIGURES: Final = (
    "corr(a.{score}, b.{score}), avg(b.{score} - a.{score}) / 100.0, "
    "avg(abs(b.{score} - a.{score})) / 100.0, count(b.{score} - a.{score})"
)
_VERSIONS: Final = "a.score_version = :one AND b.score_version = :other AND a.site_id = :site_id"
# What is compared: rows of the two versions with the same key.
_LEVELS: Final = {
    "lessons": ("meeting_summaries", "score_mean", "meeting_id"),
    "class minutes": ("meeting_minutes", "score_mean", "meeting_id, minute"),
    "students' lessons": ("participation_summaries", "score", "participation_id, meeting_start"),
}
_LESSONS: Final = text(
    f"""
    SELECT a.meeting_id, a.meeting_start, {_FIGURES.format(score="score")}
    FROM participation_summaries AS a
    JOIN participation_summaries AS b USING (participation_id, meeting_start)
    WHERE {_VERSIONS}
    GROUP BY a.meeting_id, a.meeting_start ORDER BY a.meeting_start, a.meeting_id
    """  # noqa: S608  constants of ours
)


class Likeness(msgspec.Struct, frozen=True, kw_only=True):
    """Two versions' scores of the same things; points."""

    r: float | None  # Pearson's; None: too few, or all the same
    mean_shift: float | None  # the second less the first
    mean_abs_diff: float | None
    n: int  # things that have a score under both


class LessonLikeness(Likeness, frozen=True, kw_only=True):
    """Over the students of one lesson."""

    meeting_id: int
    meeting_start: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Overall, and lesson by lesson."""

    versions: tuple[int, int]
    levels: dict[str, Likeness]
    lessons: list[LessonLikeness]


def compare(connection: Connection, site_id: int, one: int, other: int) -> Comparison:
    """Scores of version `other` against those of version `one`, of a site's whole history."""
    bounds = {"site_id": site_id, "one": one, "other": other}
    levels: dict[str, Likeness] = {}
    for level, (table, score, key) in _LEVELS.items():
        statement = text(
            f"SELECT {_FIGURES.format(score=score)} FROM {table} AS a JOIN {table} AS b "  # noqa: S608  constants of ours
            f"USING ({key}) WHERE {_VERSIONS}"
        )
        levels[level] = Likeness(**_figures(*connection.execute(statement, bounds).one()))
    lessons = [
        LessonLikeness(meeting_id=meeting_id, meeting_start=start.isoformat(), **_figures(*figures))
        for meeting_id, start, *figures in connection.execute(_LESSONS, bounds)
    ]
    return Comparison(versions=(one, other), levels=levels, lessons=lessons)


def _figures(r: Any, shift: Any, distance: Any, n: Any) -> dict[str, Any]:  # noqa: ANN401  SQL
    """In plain numbers: averages of integers come as decimals."""
    return {
        "r": None if r is None else float(r),
        "mean_shift": None if shift is None else float(shift),
        "mean_abs_diff": None if distance is None else float(distance),
        "n": int(n),
    }
