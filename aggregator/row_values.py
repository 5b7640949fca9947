"""From a row to the values of its table's columns: slugs become numbers, seconds become times."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any, Final

import msgspec
from sqlalchemy.dialects.postgresql import Range

from aggregator.reference import Places
from aggregator.rows import (
    CameraMinuteRow,
    MeetingActivityRow,
    MeetingRow,
    ParticipationRow,
    Row,
    StudentRow,
)

TIMES: Final = ("window_start", "minute", "meeting_start", "ts")
_PSEUDONYMS: Final = uuid.UUID("5d1c6d5e-2f0a-4a53-9c3e-0c5d1f6f7a11")
Values = dict[str, Any]


def column_values(row: Row, places: Places) -> Values:
    """Column values of a row.

    Raises:
        UnknownPlaceError: it names a room or camera that is not synced.
    """
    values: Values = msgspec.structs.asdict(row)
    for name in TIMES:
        if name in values:
            values[name] = utc(values[name])
    if isinstance(row, MeetingRow):
        _meeting(values, row)
    elif isinstance(row, MeetingActivityRow):
        values["during"] = _range(values.pop("start"), values.pop("end"))
    elif isinstance(row, StudentRow):
        values["pseudonym"] = uuid.uuid5(_PSEUDONYMS, str(row.student_id))
    elif isinstance(row, ParticipationRow):
        _participation(values, row, places)
    if isinstance(row, CameraMinuteRow):
        del values["site"]
    _number(values, "site", "site_id", lambda _slug: places.site_id)
    _number(values, "room", "room_id", places.room)
    _number(values, "camera", "camera_id", lambda slug: places.camera(slug) if slug else None)
    _number(values, "class_slug", "class_id", places.class_id)
    return values


def utc(second: int) -> dt.datetime:
    """A second of Unix time as an aware time."""
    return dt.datetime.fromtimestamp(second, dt.UTC)


def _number(values: Values, slug: str, column: str, number_of: Callable[[str], int | None]) -> None:
    """Replace a slug, where there is one, by its number."""
    if slug in values:
        values[column] = number_of(values.pop(slug))


def _meeting(values: Values, row: MeetingRow) -> None:
    values["planned"] = row.planned and _range(*row.planned)
    values["actual"] = _range(row.started, row.ended)
    values["status"] = row.status
    values["recurrence_id"] = None if row.recurrence_id is None else utc(row.recurrence_id)
    del values["started"], values["ended"]


def _participation(values: Values, row: ParticipationRow, places: Places) -> None:
    values["seat_id"] = places.seat(row.room, row.seat)
    values["identity_conf"] = 1.0 if row.seat else 0.0
    values["present"] = row.present and [_range(*span) for span in row.present]
    del values["seat"], values["room"]


def _range(start: int, end: int | None) -> Range[dt.datetime]:
    return Range(utc(start), None if end is None else utc(end), bounds="[)")
