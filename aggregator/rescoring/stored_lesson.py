"""A lesson as it stands in the database under one score version."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Table, select, text

from aggregator.meetings import ABSENCE_S
from schemas import tables

Values = dict[str, Any]

_MEETING: Final = text(
    "SELECT source_key, lower(actual), upper(actual) FROM meetings WHERE meeting_id = :meeting_id"
)
_ACTIVITIES: Final = text(
    "SELECT lower(during), activity FROM meeting_activities "
    "WHERE meeting_id = :meeting_id ORDER BY lower(during)"
)


class Activities:
    """What a class did when, from `begin` on until the next span; else unknown."""

    def __init__(self, spans: Sequence[tuple[dt.datetime, str]] = ()) -> None:
        self._begins = [begin for begin, _ in spans]
        self._names = [name for _, name in spans]

    def __bool__(self) -> bool:
        """Whether anything is known."""
        return bool(self._names)

    def at(self, time: dt.datetime) -> str:
        """The activity at a time; before the first span as in it."""
        if not self._names:
            return "unknown"
        return self._names[max(bisect_right(self._begins, time) - 1, 0)]

    def within(self, begin: dt.datetime, end: dt.datetime) -> set[str]:
        """All activities of a stretch of time."""
        later = {
            name
            for start, name in zip(self._begins, self._names, strict=True)
            if begin < start < end
        }
        return {self.at(begin), *later}

    @property
    def names(self) -> set[str]:
        """All that occur."""
        return set(self._names) or {"unknown"}


@dataclass(frozen=True)
class StoredLesson:
    """All rows of a meeting that carry a score, by time; columns as in their tables."""

    meeting: Values  # of meeting_summaries
    started: dt.datetime
    ended: dt.datetime
    activities: Activities
    windows: list[Values]
    minutes: list[Values]
    class_minutes: list[Values]
    participations: list[Values]  # of participation_summaries

    @property
    def is_whole(self) -> bool:
        """Whether the minutes of everybody still stand there.

        They do not where policy has no figures of students, nor when retention has dropped them.
        """
        present_s = sum(row["present_s"] for row in self.participations)
        stored_s = sum(row["n_exp"] for row in self.minutes)
        everybody = self.meeting["n_present"] <= len(self.participations)
        return bool(everybody and stored_s >= present_s)


def read_lesson(
    connection: Connection, meeting_id: int, version: int, rules: Mapping[str, str]
) -> StoredLesson:
    """The lesson's rows of a version under which the meeting has a summary.

    Args:
        connection: to read through.
        meeting_id: of the lesson.
        version: of its rows.
        rules: activity of each timetable rule, where the database has none of the meeting.
    """
    meeting = _rows(connection, tables.meeting_summaries, meeting_id, version, "meeting_start")[0]
    source_key, *times = connection.execute(_MEETING, {"meeting_id": meeting_id}).one()
    started, ended = (time or meeting["meeting_start"] for time in times)
    # Nobody's absence ends a meeting at once: its rows go on beyond the end that it is given.
    slack = dt.timedelta(seconds=ABSENCE_S + 60)
    bounds = (min(started, meeting["meeting_start"]) - slack, ended + slack)
    return StoredLesson(
        meeting=meeting,
        started=started,
        ended=ended,
        activities=_activities(connection, meeting_id, source_key, rules),
        windows=_rows(
            connection, tables.attention_windows, meeting_id, version, "window_start", bounds
        ),
        minutes=_rows(connection, tables.attention_minutes, meeting_id, version, "minute", bounds),
        class_minutes=_rows(
            connection, tables.meeting_minutes, meeting_id, version, "minute", bounds
        ),
        participations=_rows(
            connection, tables.participation_summaries, meeting_id, version, "meeting_start"
        ),
    )


def _rows(
    connection: Connection,
    table: Table,
    meeting_id: int,
    version: int,
    time: str,
    bounds: tuple[dt.datetime, dt.datetime] | None = None,
) -> list[Values]:
    """Rows by time and then by key; `bounds` name the partitions in which they lie."""
    query = select(table).where(table.c.meeting_id == meeting_id, table.c.score_version == version)
    if bounds is not None:
        query = query.where(table.c[time].between(*bounds))
    found = connection.execute(query.order_by(table.c[time], *table.primary_key.columns))
    return [dict(row) for row in found.mappings()]


def _activities(
    connection: Connection, meeting_id: int, source_key: str, rules: Mapping[str, str]
) -> Activities:
    """As stored; of lessons older than that, by the timetable's rule."""
    found = connection.execute(_ACTIVITIES, {"meeting_id": meeting_id})
    spans = [(begin, name) for begin, name in found]
    kind, _, rule = source_key.partition(":")
    planned = rules.get(rule.partition(":")[0]) if kind == "site" else None
    if not spans and planned is not None:
        spans = [(dt.datetime.min.replace(tzinfo=dt.UTC), planned)]
    return Activities(spans)
