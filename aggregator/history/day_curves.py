"""The daily curve of a site: how attention goes with the minute of the lesson, as sums of sums.

A lesson is added in the transaction that inserts its summary, and only when that is new: so the
curve holds each lesson once, as the summary does, whatever is delivered twice. It holds what may
be shown: lessons that are reported, and of them the minutes of at least k students. (With the
others in it, the curve less what is shown of each lesson would tell what is not.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert

from schemas import tables

Values = dict[str, Any]

# `shown` are lessons that may be shown, with k and the local day that each of them counts to.
# Each lesson's minutes are found by the table's key (OFFSET 0 keeps the planner from reading whole
# months instead); the bounds only spare partitions: smallint holds the minutes of 22 days.
SHOWN: Final = """
    SELECT s.meeting_id, s.score_version, s.site_id, s.meeting_start, place.k,
           (s.meeting_start AT TIME ZONE place.tz)::date AS day
    FROM meeting_summaries AS s JOIN sites AS place ON place.site_id = s.site_id
    WHERE s.quality = 'ok' AND s.n_scored >= place.k
"""
CURVES: Final = """
    SELECT shown.site_id, shown.day, m.minute_no, shown.score_version,
           sum(m.score_mean::bigint * m.n_scored)::bigint AS sum_score,
           sum(m.n_scored)::integer AS n_scored, count(*)::integer AS n_lessons
    FROM shown CROSS JOIN LATERAL (
        SELECT minute_no, score_mean, n_scored FROM meeting_minutes
        WHERE meeting_id = shown.meeting_id AND score_version = shown.score_version
          AND minute >= shown.meeting_start - interval '1 minute'
          AND minute < shown.meeting_start + interval '23 days' OFFSET 0
    ) AS m
    WHERE m.score_mean IS NOT NULL AND m.n_scored >= shown.k
    GROUP BY 1, 2, 3, 4
"""
# In the order of the key: rooms whose lessons end at the same bell wait for each other in a row.
_ADD: Final = text(
    f"""
    WITH new AS (
        SELECT * FROM unnest(CAST(:meetings AS bigint[]), CAST(:versions AS smallint[]))
            AS n(meeting_id, score_version)
    ), shown AS (
        {SHOWN} AND (s.meeting_id, s.score_version) IN (SELECT * FROM new)
    )
    INSERT INTO site_day_curves AS kept
        (site_id, day, minute_no, score_version, sum_score, n_scored, n_lessons)
    {CURVES} ORDER BY 1, 2, 3, 4
    ON CONFLICT (site_id, day, minute_no, score_version) DO UPDATE SET
        sum_score = kept.sum_score + excluded.sum_score,
        n_scored = kept.n_scored + excluded.n_scored,
        n_lessons = kept.n_lessons + excluded.n_lessons
    """  # noqa: S608  texts of ours
)


def insert_lessons(connection: Connection, values: Sequence[Values]) -> None:
    """Insert meetings' summaries that are not there yet, and add those lessons to the curves.

    Args:
        connection: in the caller's transaction, in which the lessons' minutes stand already.
        values: column values of `meeting_summaries`.
    """
    table = tables.meeting_summaries
    statement = (
        insert(table).on_conflict_do_nothing().returning(table.c.meeting_id, table.c.score_version)
    )
    new = connection.execute(statement, list(values)).all()
    if new:
        connection.execute(
            _ADD,
            {
                "meetings": [row.meeting_id for row in new],
                "versions": [row.score_version for row in new],
            },
        )
