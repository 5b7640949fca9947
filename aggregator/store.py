"""Rows, the room's state and the log's position into PostgreSQL, in one transaction.

Measurements are inserted once and never changed: a replayed entry finds its row there already.
Only a meeting and its participations are completed when the meeting closes; doing that twice
changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, Table, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from aggregator.baselines import insert_summaries
from aggregator.bulk_insert import BULKY, insert_bulk
from aggregator.calibration.ranges import write_calibrations
from aggregator.history.day_curves import insert_lessons
from aggregator.leases import Lease, check_lease
from aggregator.meeting_writes import add_classes, write_meetings
from aggregator.permitted import permitted
from aggregator.proposed_seats import add_seats
from aggregator.reference import Places
from aggregator.row_values import TIMES, Values, column_values, utc
from aggregator.rows import (
    AttentionMinuteRow,
    AttentionWindowRow,
    CalibrationRow,
    CameraMinuteRow,
    EventRow,
    ExpressionMinuteRow,
    MeetingActivityRow,
    MeetingMinuteRow,
    MeetingRow,
    MeetingSummaryRow,
    ParticipationRow,
    ParticipationSummaryRow,
    Row,
    Rows,
    StudentRow,
)
from schemas import tables
from schemas.database import connect
from schemas.fault_points import COMMIT_BEGUN, COMMIT_READY, COMMITTED, ROWS_WRITTEN, pass_point
from schemas.partitions import PartitionKeeper

# In an order that satisfies the foreign keys.
_TABLES: Final[dict[type[Row], Table]] = {
    MeetingRow: tables.meetings,
    MeetingActivityRow: tables.meeting_activities,
    StudentRow: tables.students,
    ParticipationRow: tables.participations,
    AttentionWindowRow: tables.attention_windows,
    AttentionMinuteRow: tables.attention_minutes,
    ExpressionMinuteRow: tables.expression_minutes,
    MeetingMinuteRow: tables.meeting_minutes,
    ParticipationSummaryRow: tables.participation_summaries,
    CameraMinuteRow: tables.camera_minutes,
    EventRow: tables.events,
    # last: it counts the lesson's minutes into curves of which all rooms of the site write
    MeetingSummaryRow: tables.meeting_summaries,
}


@dataclass(frozen=True, slots=True)
class StoredState:
    """What `room_state` holds."""

    position: str
    snapshot: bytes
    version: int


class Store:
    """Writes what rooms produce.

    Args:
        engine: of the database.
        places: of the site.
    """

    def __init__(self, engine: Engine, places: Places) -> None:
        self._engine = engine
        self._places = places
        self._partitions = PartitionKeeper()

    def load(self, lease: Lease) -> StoredState | None:
        """The room's state at the last commit; None: the room is new."""
        state = tables.room_state.c
        query = select(state.position, state.snapshot, state.snapshot_version).where(
            state.room_id == lease.room_id, state.run_id == lease.run_id
        )
        with connect(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else StoredState(row[0], bytes(row[1]), row[2])

    def commit(self, lease: Lease, rows: Rows, state: StoredState) -> None:
        """Write rows, state and position together, or nothing.

        Raises:
            LeaseLostError: another aggregator holds the room; nothing was written.
            UnknownPlaceError: a row names a room or camera that is not synced.
        """
        add_classes(self._engine, self._places, rows)
        add_seats(self._engine, self._places, rows)
        with connect(self._engine) as connection:
            check_lease(connection, lease)
            pass_point(COMMIT_BEGUN)
            rows = permitted(connection, self._places.site_id, rows)
            self._partitions.cover(connection, _partition_times(rows))
            for kind, table in _TABLES.items():
                batch = [row for row in rows if type(row) is kind]
                if batch:
                    self._write(connection, table, batch)
            if calibrated := [row for row in rows if isinstance(row, CalibrationRow)]:
                write_calibrations(connection, calibrated, self._places)
            pass_point(ROWS_WRITTEN)
            _put_state(connection, lease, state)
            pass_point(COMMIT_READY)
            connection.commit()
            pass_point(COMMITTED)

    def _write(self, connection: Connection, table: Table, batch: Sequence[Row]) -> None:
        if table in BULKY:
            insert_bulk(connection, table, batch, self._places)
            return
        values = [column_values(row, self._places) for row in batch]
        if table is tables.meetings:
            write_meetings(connection, values)
            return
        if table is tables.participation_summaries:
            insert_summaries(connection, values)
        elif table is tables.meeting_summaries:
            insert_lessons(connection, values)
        else:
            connection.execute(insert(table).on_conflict_do_nothing(), values)
        if table is tables.participations:
            done = [v for v in values if v["present"] is not None]
            _update(connection, table, "participation_id", ("present",), done)


def _update(
    connection: Connection, table: Table, key: str, columns: Sequence[str], rows: Iterable[Values]
) -> None:
    statement = (
        update(table)
        .where(table.c[key] == bindparam(f"the_{key}"))
        .values({name: bindparam(f"new_{name}", type_=table.c[name].type) for name in columns})
    )
    for row in rows:
        new = {f"new_{name}": row[name] for name in columns}
        connection.execute(statement, {f"the_{key}": row[key], **new})


def _put_state(connection: Connection, lease: Lease, state: StoredState) -> None:
    values = {
        "position": state.position,
        "snapshot": state.snapshot,
        "snapshot_version": state.version,
    }
    statement = insert(tables.room_state).values(
        room_id=lease.room_id, run_id=lease.run_id, **values
    )
    connection.execute(
        statement.on_conflict_do_update(index_elements=["room_id", "run_id"], set_=values)
    )


def _partition_times(rows: Rows) -> set[dt.datetime]:
    seconds = {getattr(row, name) for row in rows for name in TIMES if hasattr(row, name)}
    return {utc(second) for second in seconds}
