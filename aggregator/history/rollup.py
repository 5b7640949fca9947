"""`facepose db rollup`: the daily curves again, from the class minutes below them.

Only the curves are made again. Minutes, class minutes and summaries are no plain sums of windows
(they hold synchrony, baselines and directions, and windows are dropped long before them): they are
made once, by the aggregator, and again only by `facepose replay` or `facepose rescore`.

A day whose class minutes retention has dropped keeps its curve as it is. A day is looked at
without a lock; where it differs, the table is closed to aggregators for as long as that one day
takes. One that has inserted a summary waits there before it adds the lesson, which the day
then does not hold yet: nothing is counted twice, nothing is left out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, Engine, text

from aggregator.history.day_curves import CURVES, SHOWN
from schemas.database import connect

_DAYS: Final = text(
    """
    SELECT DISTINCT s.site_id, place.slug, s.day FROM (
        SELECT m.site_id, (m.meeting_start AT TIME ZONE z.tz)::date AS day
        FROM meeting_summaries AS m JOIN sites AS z ON z.site_id = m.site_id
        WHERE m.meeting_start >= CAST(:since AS date) - 1
          AND m.meeting_start < CAST(:until AS date) + 2
        UNION SELECT site_id, day FROM site_day_curves
    ) AS s JOIN sites AS place ON place.site_id = s.site_id
    WHERE s.day >= :since AND s.day < :until ORDER BY s.day, s.site_id
    """
)
_OF_DAY: Final = f"""
    {SHOWN} AND s.site_id = :site_id
    AND s.meeting_start >= CAST(CAST(:day AS date) AS timestamp) AT TIME ZONE place.tz
    AND s.meeting_start < CAST(CAST(:day AS date) + 1 AS timestamp) AT TIME ZONE place.tz
"""
_IS_WHOLE: Final = text(
    f"""
    WITH shown AS ({_OF_DAY})
    SELECT NOT EXISTS (
        SELECT FROM shown WHERE NOT EXISTS (
            SELECT FROM meeting_minutes AS m
            WHERE m.meeting_id = shown.meeting_id AND m.score_version = shown.score_version
              AND m.minute >= shown.meeting_start - interval '1 minute'
              AND m.minute < shown.meeting_start + interval '23 days' OFFSET 0
        )
    )
    """  # noqa: S608  texts of ours
)
_COLUMNS: Final = "minute_no, score_version, sum_score, n_scored, n_lessons"
_IS_RIGHT: Final = text(
    f"""
    WITH shown AS ({_OF_DAY}), wanted AS (SELECT {_COLUMNS} FROM ({CURVES}) AS c),
    kept AS (SELECT {_COLUMNS} FROM site_day_curves WHERE site_id = :site_id AND day = :day)
    SELECT NOT EXISTS ((TABLE wanted EXCEPT TABLE kept) UNION ALL (TABLE kept EXCEPT TABLE wanted))
    """  # noqa: S608  texts of ours
)
_INSERT: Final = text(
    f"WITH shown AS ({_OF_DAY}) "  # noqa: S608  texts of ours
    f"INSERT INTO site_day_curves (site_id, day, {_COLUMNS}) "
    f"SELECT site_id, day, {_COLUMNS} FROM ({CURVES}) AS c"
)
_CLOSE: Final = text("LOCK TABLE site_day_curves IN SHARE ROW EXCLUSIVE MODE")
_DELETE: Final = text("DELETE FROM site_day_curves WHERE site_id = :site_id AND day = :day")
_FIRST: Final = dt.date(1970, 1, 1)
_LAST: Final = dt.date(9999, 1, 1)


@dataclass
class RollupReport:
    """What a run found and wrote; a day is one site's."""

    days: int = 0
    without_minutes: int = 0  # days whose class minutes are no longer kept: left as they are
    corrected: list[str] = field(default_factory=list)  # days whose curve was not what it should be


class SiteDay:
    """One site's day of curves.

    Args:
        connection: to read and write with; the caller commits.
        site_id: number of the site.
        day: local day of the lessons' start.
    """

    def __init__(self, connection: Connection, site_id: int, day: dt.date) -> None:
        self._connection = connection
        self._key = {"site_id": site_id, "day": day}

    def is_whole(self) -> bool:
        """Whether all its lessons still have their class minutes."""
        return bool(self._connection.execute(_IS_WHOLE, self._key).scalar_one())

    def is_right(self) -> bool:
        """Whether the curve is what the class minutes say."""
        return bool(self._connection.execute(_IS_RIGHT, self._key).scalar_one())

    def make_again(self) -> None:
        """Replace the curve; aggregators wait until the caller commits."""
        self._connection.execute(_CLOSE)
        self._connection.execute(_DELETE, self._key)
        self._connection.execute(_INSERT, self._key)


def roll_up(
    engine: Engine,
    since: dt.date | None = None,
    until: dt.date | None = None,
    *,
    dry_run: bool = False,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> RollupReport:
    """Make the curves of all sites' days from `since` on and before `until` again.

    Each day is one transaction: a run that was stopped has done whole days, and a second one
    finds nothing to correct.

    Args:
        engine: of the database.
        since: first local day; None: from the first lesson on.
        until: the local day before which they end; None: no end.
        dry_run: only tell which days would change.
        stop: asked before each day.
        progress: told how many of how many days are done.
    """
    report = RollupReport()
    for number, (site_id, slug, day) in enumerate(days := _days(engine, since, until), 1):
        if stop():
            break
        with connect(engine) as connection:
            this = SiteDay(connection, site_id, day)
            report.days += 1
            if not this.is_whole():
                report.without_minutes += 1
            elif not this.is_right():
                report.corrected.append(f"{slug} {day}")
                if not dry_run:
                    this.make_again()
                    connection.commit()
        progress(number, len(days))
    return report


def _days(
    engine: Engine, since: dt.date | None, until: dt.date | None
) -> Sequence[tuple[int, str, dt.date]]:
    with connect(engine) as connection:
        bounds = {"since": since or _FIRST, "until": until or _LAST}
        return [(s, slug, day) for s, slug, day in connection.execute(_DAYS, bounds)]
