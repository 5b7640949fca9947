"""Meetings into their table: each row in its turn, so that batches of any size give the same rows.

A plan may hold lessons that overlap; the table may not. The row that comes second is then written
without a planned time, and its meeting is not lost. A lesson that ended before its planned end
gives the rest of that time free for the one that follows.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Engine, func, update
from sqlalchemy.dialects.postgresql import insert

from aggregator.reference import Places
from aggregator.row_values import Values
from aggregator.rows import MeetingRow, Rows
from schemas import sync, tables
from schemas.database import connect

_HELD: Final = "held"


def write_meetings(connection: Connection, values: Sequence[Values]) -> None:
    """Insert meetings that are not there yet, and complete those that are over."""
    for row in values:
        for version in (row, {**row, "planned": None}):
            connection.execute(insert(tables.meetings).on_conflict_do_nothing(), version)
        if row["status"] == _HELD:
            _complete(connection, row, row["actual"].upper)


def add_classes(engine: Engine, places: Places, rows: Rows) -> None:
    """Number the classes that only a calendar's categories name."""
    slugs = {row.class_slug for row in rows if isinstance(row, MeetingRow)}
    unknown = sorted(slug for slug in slugs if slug and places.class_id(slug) is None)
    if not unknown:
        return
    sync.add_classes(engine, places.site_id, unknown)
    with connect(engine) as connection:
        places.load(connection)


def _complete(connection: Connection, row: Values, ended: dt.datetime) -> None:
    meetings = tables.meetings.c
    this = meetings.meeting_id == row["meeting_id"]
    begin = func.lower(meetings.planned)
    connection.execute(
        update(tables.meetings).where(this).values(actual=row["actual"], status=row["status"])
    )
    connection.execute(
        update(tables.meetings)
        .where(this, begin < ended, func.upper(meetings.planned) > ended)
        .values(planned=func.tstzrange(begin, ended))
    )
