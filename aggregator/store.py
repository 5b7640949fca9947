"""Rows, the room's state and the log's position into PostgreSQL, in one transaction.

Measurements are inserted once and never changed: a replayed entry finds its row there already.
Only a meeting and its participations are completed when the meeting closes; doing that twice
changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, Table, bindparam, select, update
from sqlalchemy.dialects.postgresql import Range, insert

from aggregator.errors import UnknownPlaceError
from aggregator.leases import Lease, check_lease
from aggregator.rows import (
    AttentionMinuteRow,
    AttentionWindowRow,
    CameraMinuteRow,
    ExpressionMinuteRow,
    MeetingMinuteRow,
    MeetingRow,
    MeetingSummaryRow,
    ParticipationRow,
    ParticipationSummaryRow,
    Row,
    Rows,
)
from schemas import tables
from schemas.database import connect
from schemas.partitions import PartitionKeeper

# In an order that satisfies the foreign keys.
_TABLES: Final[dict[type[Row], Table]] = {
    MeetingRow: tables.meetings,
    ParticipationRow: tables.participations,
    AttentionWindowRow: tables.attention_windows,
    AttentionMinuteRow: tables.attention_minutes,
    ExpressionMinuteRow: tables.expression_minutes,
    MeetingMinuteRow: tables.meeting_minutes,
    ParticipationSummaryRow: tables.participation_summaries,
    MeetingSummaryRow: tables.meeting_summaries,
    CameraMinuteRow: tables.camera_minutes,
}
_TIMES: Final = ("window_start", "minute", "meeting_start")
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredState:
    """What `room_state` holds."""

    position: str
    snapshot: bytes
    version: int


class Places:
    """Numbers of the reference tables by slug; read anew when a slug is not known."""

    def __init__(self, site: str) -> None:
        self._site = site
        self.site_id = 0
        self._rooms: dict[str, int] = {}
        self._cameras: dict[str, int] = {}
        self._classes: dict[str, int] = {}
        self._seats: dict[tuple[int, str], int] = {}

    def load(self, connection: Connection) -> None:
        """Read the reference tables.

        Raises:
            UnknownPlaceError: the site was never synced.
        """
        site = connection.execute(
            select(tables.sites.c.site_id).where(tables.sites.c.slug == self._site)
        ).scalar_one_or_none()
        if site is None:
            raise UnknownPlaceError(
                f"the database does not know site {self._site!r} yet; run `facepose db sync`"
            )
        self.site_id = site
        self._rooms = _numbers(connection, tables.rooms, "room_id", site)
        self._cameras = _numbers(connection, tables.cameras, "camera_id", site)
        self._classes = _numbers(connection, tables.classes, "class_id", site)
        columns = tables.seats.c
        rows = connection.execute(
            select(columns.room_id, columns.label, columns.seat_id).where(
                columns.room_id.in_(list(self._rooms.values()))
            )
        )
        self._seats = {(room_id, label): seat_id for room_id, label, seat_id in rows}

    def room(self, slug: str) -> int:
        """Number of a room. Raises: UnknownPlaceError."""
        return _known(self._rooms, slug, "room")

    def camera(self, slug: str) -> int:
        """Number of a camera. Raises: UnknownPlaceError."""
        return _known(self._cameras, slug, "camera")

    def class_id(self, slug: str) -> int | None:
        """Number of a class, if the timetable named one that is known."""
        return self._classes.get(slug)

    def seat(self, room: str, label: str) -> int | None:
        """Number of a seat, if it is a drawn one."""
        return self._seats.get((self.room(room), label))


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
        with connect(self._engine) as connection:
            check_lease(connection, lease)
            self._partitions.cover(connection, _partition_times(rows))
            for kind, table in _TABLES.items():
                batch = [row for row in rows if type(row) is kind]
                if batch:
                    self._write(connection, table, batch)
            _put_state(connection, lease, state)
            connection.commit()

    def _write(self, connection: Connection, table: Table, batch: Sequence[Row]) -> None:
        values = [self._values(row) for row in batch]
        connection.execute(insert(table).on_conflict_do_nothing(), values)
        if table is tables.meetings:
            _complete_meetings(connection, values)
        elif table is tables.participations:
            done = [v for v in values if v["present"] is not None]
            _update(connection, table, "participation_id", ("present",), done)

    def _values(self, row: Row) -> Values:
        """Column values of a row: slugs become numbers, seconds become times."""
        values: Values = msgspec.structs.asdict(row)
        for name in _TIMES:
            if name in values:
                values[name] = _utc(values[name])
        if isinstance(row, MeetingRow):
            values |= _meeting_values(row)
            del values["started"], values["ended"]
        if isinstance(row, ParticipationRow):
            values["seat_id"] = self._places.seat(row.room, row.seat)
            values["identity_conf"] = 1.0 if row.seat else 0.0
            values["present"] = row.present and [_range(*span) for span in row.present]
            del values["seat"], values["room"]
        if "site" in values:
            del values["site"]
            if not isinstance(row, CameraMinuteRow):
                values["site_id"] = self._places.site_id
        if "room" in values:
            values["room_id"] = self._places.room(values.pop("room"))
        if "camera" in values:
            values["camera_id"] = self._places.camera(values.pop("camera"))
        if "class_slug" in values:
            values["class_id"] = self._places.class_id(values.pop("class_slug"))
        return values


def _meeting_values(row: MeetingRow) -> Values:
    return {
        "planned": row.planned and _range(*row.planned),
        "actual": _range(row.started, row.ended),
        "status": row.status,
    }


def _complete_meetings(connection: Connection, values: Sequence[Values]) -> None:
    """A plan that overlaps another meeting's must not lose the meeting; ends are written."""
    unplanned = [{**v, "planned": None} for v in values]
    connection.execute(insert(tables.meetings).on_conflict_do_nothing(), unplanned)
    ended = [v for v in values if v["status"] == "held"]
    _update(connection, tables.meetings, "meeting_id", ("actual", "status"), ended)


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
    seconds = {getattr(row, name) for row in rows for name in _TIMES if hasattr(row, name)}
    return {_utc(second) for second in seconds}


def _range(start: int, end: int | None) -> Range[dt.datetime]:
    return Range(_utc(start), None if end is None else _utc(end), bounds="[)")


def _utc(second: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(second, dt.UTC)


def _numbers(connection: Connection, table: Table, key: str, site_id: int) -> dict[str, int]:
    query = select(table.c.slug, table.c[key]).where(table.c.site_id == site_id)
    return {str(slug): int(number) for slug, number in connection.execute(query)}


def _known(numbers: dict[str, int], slug: str, what: str) -> int:
    try:
        return numbers[slug]
    except KeyError:
        raise UnknownPlaceError(
            f"the database does not know {what} {slug!r} yet; run `facepose db sync`"
        ) from None
