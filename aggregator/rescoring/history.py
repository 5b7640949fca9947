"""A school's history under another score version, written beside the old one, lesson by lesson.

Each lesson is one transaction, and its own summary the last of its rows: what has one is done, so
a run that was stopped goes on where it was, and a second one changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, Table, bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from aggregator.baselines import MAX_AGE, insert_summaries, look_up
from aggregator.history.day_curves import insert_lessons
from aggregator.rescoring.recompute import RescoredLesson, Rescorer
from aggregator.rescoring.stored_lesson import Values, read_lesson
from aggregator.score import SCORE_VERSION
from schemas import tables
from schemas.database import connect

BATCH: Final = 100  # lessons looked for at once
_OPEN_START: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_OPEN_END: Final = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)

# Lessons of a site that stand there under version 1, the earliest first, and whether the new
# version has them; by key, so that a long history is never read twice.
LESSONS: Final = text(
    """
    SELECT old.meeting_id, old.meeting_start, new.meeting_id IS NOT NULL AS is_done
    FROM meeting_summaries AS old
    LEFT JOIN meeting_summaries AS new
        ON new.meeting_id = old.meeting_id AND new.score_version = :version
    WHERE old.site_id = :site_id AND old.score_version = :base
      AND old.meeting_start >= :since AND old.meeting_start < :until
      AND (old.meeting_start, old.meeting_id) > (:after_start, :after_id)
    ORDER BY old.meeting_start, old.meeting_id LIMIT :batch
    """
)


@dataclass(frozen=True)
class Period:
    """Lessons that begin from `since` on and before `until`; None: all."""

    since: dt.datetime | None = None
    until: dt.datetime | None = None


@dataclass
class RescoreReport:
    """What a run found and wrote."""

    done: int = 0  # lessons
    already: int = 0  # lessons that had the version
    without_minutes: int = 0  # too old, or of a policy without figures of students
    without_activities: int = 0  # taken as `unknown`
    rows: dict[str, int] = field(default_factory=dict)  # by table

    def count(self, table: str, n: int) -> None:
        """Enter rows that were recomputed."""
        self.rows[table] = self.rows.get(table, 0) + n


class HistoryRescorer:
    """Writes a site's history under a registered score version.

    Args:
        engine: of the database, as the user that the aggregator writes as.
        site_id: number of the site.
        rescorer: from version 1 to the new one.
        rules: activity of each timetable rule, for meetings that the database tells none of.
        dry_run: recompute, but write nothing.
    """

    def __init__(
        self,
        engine: Engine,
        site_id: int,
        rescorer: Rescorer,
        rules: Mapping[str, str],
        *,
        dry_run: bool = False,
    ) -> None:
        self._engine = engine
        self._site_id = site_id
        self._rescorer = rescorer
        self._rules = rules
        self._dry_run = dry_run

    def count(self, period: Period) -> int:
        """Lessons in the period."""
        summaries = tables.meeting_summaries.c
        query = select(func.count()).where(
            summaries.site_id == self._site_id,
            summaries.score_version == SCORE_VERSION,
            summaries.meeting_start >= (period.since or _OPEN_START),
            summaries.meeting_start < (period.until or _OPEN_END),
        )
        with connect(self._engine) as connection:
            return connection.execute(query).scalar_one()

    def run(
        self,
        period: Period,
        *,
        stop: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] = lambda _done: None,
    ) -> RescoreReport:
        """Recompute the lessons of the period, in their order; until `stop` says so."""
        report = RescoreReport()
        new: dict[int, dt.datetime] = {}  # lessons of this run, the earliest first
        for number, lesson in enumerate(self._lessons(period), 1):
            if stop():
                break
            if lesson.is_done:
                report.already += 1
            elif self._rescore(lesson.meeting_id, report):
                new[lesson.meeting_id] = lesson.meeting_start
            progress(number)
        if new and not self._dry_run:
            self._refresh_baselines(new)
        return report

    def _lessons(self, period: Period) -> Iterator[Row[Any]]:
        after = {"after_start": _OPEN_START, "after_id": 0}
        while True:
            with connect(self._engine) as connection:
                lessons = connection.execute(
                    LESSONS,
                    {
                        "site_id": self._site_id,
                        "base": SCORE_VERSION,
                        "version": self._rescorer.version,
                        "since": period.since or _OPEN_START,
                        "until": period.until or _OPEN_END,
                        "batch": BATCH,
                        **after,
                    },
                ).all()
            yield from lessons
            if len(lessons) < BATCH:
                return
            after = {"after_start": lessons[-1].meeting_start, "after_id": lessons[-1].meeting_id}

    def _rescore(self, meeting_id: int, report: RescoreReport) -> bool:
        """One lesson, in one transaction; False: nothing stands there to recompute it from."""
        with connect(self._engine) as connection:
            stored = read_lesson(connection, meeting_id, SCORE_VERSION, self._rules)
            if not stored.is_whole:
                report.without_minutes += 1
                return False
            report.without_activities += not stored.activities
            lesson = self._rescorer.lesson(stored)
            for table, rows in _by_table(lesson):
                report.count(table.name, len(rows))
                if rows and not self._dry_run:
                    _write(connection, table, rows)
            report.done += 1
            if not self._dry_run:
                connection.commit()
        return True

    def _refresh_baselines(self, new: dict[int, dt.datetime]) -> None:
        """Lessons that had the version before this run may have gained earlier ones."""
        starts = list(new.values())
        for lesson in self._lessons(Period(starts[0], starts[-1] + MAX_AGE)):
            if lesson.is_done and lesson.meeting_id not in new:
                with connect(self._engine) as connection:
                    _set_baselines(connection, lesson.meeting_id, self._rescorer.version)
                    connection.commit()


def _by_table(lesson: RescoredLesson) -> list[tuple[Table, list[Values]]]:
    """The meeting's summary last: it says that the lesson is done."""
    return [
        (tables.attention_windows, lesson.windows),
        (tables.attention_minutes, lesson.minutes),
        (tables.meeting_minutes, lesson.class_minutes),
        (tables.participation_summaries, lesson.participations),
        (tables.meeting_summaries, lesson.meetings),
    ]


def _write(connection: Connection, table: Table, rows: list[Values]) -> None:
    if table is tables.participation_summaries:
        insert_summaries(connection, rows)
    elif table is tables.meeting_summaries:
        insert_lessons(connection, rows)
    else:
        connection.execute(insert(table).on_conflict_do_nothing(), rows)


def _set_baselines(connection: Connection, meeting_id: int, version: int) -> None:
    """Correct the baselines of a lesson where they differ."""
    summaries = tables.participation_summaries
    query = select(summaries).where(
        summaries.c.meeting_id == meeting_id, summaries.c.score_version == version
    )
    rows = [dict(row) for row in connection.execute(query).mappings()]
    own = look_up(connection, rows)
    statement = (
        update(summaries)
        .where(
            summaries.c.participation_id == bindparam("who"),
            summaries.c.meeting_start == bindparam("start"),
            summaries.c.score_version == bindparam("version"),
        )
        .values(baseline=bindparam("median"), baseline_mad=bindparam("mad"))
    )
    changed = [
        {
            "who": row["participation_id"],
            "start": row["meeting_start"],
            "version": row["score_version"],
            "median": new[0],
            "mad": new[1],
        }
        for row in rows
        if (new := own.get(row["participation_id"], (None, None)))
        != (row["baseline"], row["baseline_mad"])
    ]
    if changed:
        connection.execute(statement, changed)
