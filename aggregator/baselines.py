"""A student's own baseline, and who has fallen below it (SCORE §1).

The baseline is the median of the student's last lessons before this one, in the same class and
under the same score version; MAD is the median of their distances from it. Both are looked up when
a lesson's summary is written, in that transaction, from what stands in the database: the room that
makes the summaries knows nothing of other days.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import groupby
from statistics import fmean, median
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert

from schemas import tables

MIN_LESSONS: Final = 5
MAX_LESSONS: Final = 10
MAX_AGE: Final = dt.timedelta(days=60)
MIN_DROP_SHARE: Final = 0.20
MIN_DROP_POINTS: Final = 10.0
MIN_COVERAGE: Final = 0.5
MIN_CONFIDENCE: Final = 0.35
MIN_WEEK_LESSONS: Final = 3
_MAD_TO_SIGMA: Final = 1.4826  # of a normal distribution
Values = dict[str, Any]

# Baselines of some students before one lesson. `round` of a double rounds half to even. A lesson
# without a score is not a valid one: coverage below .4 or fewer than 300 seconds observed.
LOOK_UP: Final = text(
    f"""
    SELECT who.participation_id, round(own.median)::smallint, round(own.mad)::smallint
    FROM unnest(
        CAST(:participations AS bigint[]), CAST(:students AS bigint[]), CAST(:classes AS int[])
    ) AS who(participation_id, student_id, class_id)
    CROSS JOIN LATERAL (
        WITH lessons AS (
            SELECT score FROM participation_summaries AS s
            WHERE s.student_id = who.student_id
              AND s.meeting_start < :start AND s.meeting_start >= :oldest
              AND s.class_id IS NOT DISTINCT FROM who.class_id
              AND s.score_version = :version AND s.score IS NOT NULL
            ORDER BY s.meeting_start DESC, s.participation_id LIMIT {MAX_LESSONS}
        ), middle AS (
            SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY score) AS median, count(*) AS n
            FROM lessons
        )
        SELECT middle.median, (
            SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(score - middle.median))
            FROM lessons
        ) AS mad
        FROM middle WHERE middle.n >= {MIN_LESSONS}
    ) AS own
    """  # noqa: S608  constants of ours
)

# Students of a site whose lessons from :start to :end lie below their own baseline by 20 % and 10
# points. The highest baseline of the days counts: a bad week lowers its own later ones.
DROPS: Final = text(
    f"""
    SELECT student_id, class_id, avg(score) / 100.0 AS score, max(baseline) / 100.0 AS baseline,
           100.0 * (1 - avg(score) / max(baseline)) AS drop_pct, count(*) AS lessons
    FROM participation_summaries
    WHERE site_id = :site_id AND meeting_start >= :start AND meeting_start < :end
      AND score_version = :version AND student_id IS NOT NULL
      AND score IS NOT NULL AND baseline > 0
      AND coverage >= {MIN_COVERAGE * 1000:.0f} AND confidence >= {MIN_CONFIDENCE * 1000:.0f}
    GROUP BY student_id, class_id
    HAVING count(*) >= {MIN_WEEK_LESSONS}
       AND max(baseline) - avg(score) >= {MIN_DROP_SHARE} * max(baseline)
       AND max(baseline) - avg(score) >= {MIN_DROP_POINTS * 100:.0f}
    ORDER BY drop_pct DESC, student_id
    """  # noqa: S608  constants of ours
)


class Baseline(NamedTuple):
    """Median and MAD of a student's lessons, points."""

    median: float
    mad: float

    def drop_share(self, score: float) -> float:
        """How far `score` lies below the median, as a share of it."""
        return (self.median - score) / self.median if self.median else 0.0

    def z(self, score: float) -> float | None:
        """How many standard deviations `score` lies above the median, robustly; None: MAD is 0."""
        return (score - self.median) / (_MAD_TO_SIGMA * self.mad) if self.mad else None


class WeekLesson(NamedTuple):
    """One lesson of a student in the week that is looked at; score in points, shares 0..1."""

    score: float
    coverage: float
    confidence: float


def baseline(scores: Sequence[float]) -> Baseline | None:
    """The baseline of lessons' scores, the oldest first; None when they are too few."""
    last = scores[-MAX_LESSONS:]
    if len(last) < MIN_LESSONS:
        return None
    middle = median(last)
    return Baseline(middle, median(abs(score - middle) for score in last))


def has_dropped(own: Baseline, week: Sequence[WeekLesson]) -> bool:
    """Whether a student's week is flagged: enough lessons with enough evidence, and far below."""
    scores = [
        lesson.score
        for lesson in week
        if lesson.coverage >= MIN_COVERAGE and lesson.confidence >= MIN_CONFIDENCE
    ]
    if len(scores) < MIN_WEEK_LESSONS:
        return False
    score = fmean(scores)
    return own.drop_share(score) >= MIN_DROP_SHARE and own.median - score >= MIN_DROP_POINTS


def insert_summaries(connection: Connection, values: Sequence[Values]) -> None:
    """Insert participation summaries with their baselines; those that stand there stay.

    Lessons go in one after the other, because an earlier one counts for a later one's baseline
    also when both are committed together.
    """
    statement = insert(tables.participation_summaries).on_conflict_do_nothing()
    for _, lesson in groupby(sorted(values, key=_lesson), key=_lesson):
        rows = list(lesson)
        own = look_up(connection, rows)
        nothing = (None, None)
        connection.execute(
            statement,
            [
                {
                    **row,
                    "baseline": own.get(row["participation_id"], nothing)[0],
                    "baseline_mad": own.get(row["participation_id"], nothing)[1],
                }
                for row in rows
            ],
        )


def look_up(connection: Connection, summaries: Sequence[Values]) -> dict[int, tuple[int, int]]:
    """Baseline and MAD, in the tables' unit, by participation; for summaries of one lesson."""
    known = [row for row in summaries if row["student_id"] is not None]
    if not known:
        return {}
    start, version = _lesson(known[0])
    found = connection.execute(
        LOOK_UP,
        {
            "participations": [row["participation_id"] for row in known],
            "students": [row["student_id"] for row in known],
            "classes": [row["class_id"] for row in known],
            "start": start,
            "oldest": start - MAX_AGE,
            "version": version,
        },
    )
    return {participation: (middle, mad) for participation, middle, mad in found}


def _lesson(row: Values) -> tuple[dt.datetime, int]:
    return row["meeting_start"], row["score_version"]
