"""Seat regions of dated plans: ranges of validity up to the last plan's, planned ahead.

What has begun is history and is only ever closed; what lies ahead is replaced when the site file
says something else.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Integer, any_, cast, func, insert, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY, Range

from schemas.site import Camera, Seats
from schemas.sync.report import ChangeLog, SyncError
from schemas.sync.validity import Label, Place
from schemas.tables import seat_regions

Polygon = list[list[float]]
_DROP_PLANNED: Final = text("""
    DELETE FROM seat_regions region
    USING unnest(CAST(:cameras AS int[]), CAST(:seats AS int[])) AS given (camera_id, seat_id)
    WHERE region.camera_id = given.camera_id AND region.seat_id = given.seat_id
      AND (lower(region.valid) > :at OR isempty(region.valid))
""")
_END_PRESENT: Final = text("""
    UPDATE seat_regions region SET valid = tstzrange(lower(region.valid), given.until)
    FROM unnest(CAST(:cameras AS int[]), CAST(:seats AS int[]), CAST(:until AS timestamptz[]))
      AS given (camera_id, seat_id, until)
    WHERE region.camera_id = given.camera_id AND region.seat_id = given.seat_id
      AND region.valid @> CAST(:at AS timestamptz)
""")


@dataclass(frozen=True, slots=True)
class Span:
    """A polygon and when it holds; `end` None: for ever."""

    start: dt.datetime
    end: dt.datetime | None
    polygon: Polygon


def spans_from(camera: Camera, at: dt.datetime, zone: ZoneInfo) -> dict[str, list[Span]]:
    """What a camera's plans say from `at` on, by seat, in order of time.

    A dated plan holds from its local midnight on.
    """
    starts = [(_midnight(plan.valid_from, zone), plan.seats) for plan in camera.seat_plans]
    begun = [seats for start, seats in starts if start <= at]
    plans: list[tuple[dt.datetime, Seats]] = [(at, begun[-1] if begun else camera.seats)]
    plans += [(start, seats) for start, seats in starts if start > at]
    spans: dict[str, list[Span]] = {}
    ends: list[dt.datetime | None] = [start for start, _ in plans[1:]]
    for (start, seats), end in zip(plans, [*ends, None], strict=True):
        for label, seat in seats.items():
            polygon = [list(point) for point in seat.polygon]
            known = spans.setdefault(label, [])
            if known and known[-1].end == start and known[-1].polygon == polygon:
                known[-1] = Span(known[-1].start, end, polygon)
            else:
                known.append(Span(start, end, polygon))
    return spans


def sync_regions(
    connection: Connection,
    wanted: Mapping[Place, Sequence[Span]],
    camera_ids: Sequence[int],
    *,
    at: dt.datetime,
    zone: ZoneInfo,
    label: Label,
    changes: ChangeLog,
) -> None:
    """Make the regions of these cameras say from `at` on what is `wanted`.

    Raises:
        SyncError: `at` lies before the last change.
    """
    stored = _stored(connection, camera_ids, at)
    places = [
        place
        for place in dict.fromkeys([*wanted, *stored])
        if _clipped(stored.get(place, ()), at) != list(wanted.get(place, ()))
    ]
    if not places:
        return
    _refuse_the_past(connection, camera_ids, at, zone)
    rows: list[dict[str, Any]] = []
    until: dict[Place, dt.datetime | None] = {}
    for place in places:
        new, now = list(wanted.get(place, ())), _at(stored.get(place, ()), at)
        until[place] = at
        if now is not None and new and new[0].start == at and new[0].polygon == now.polygon:
            until[place] = new.pop(0).end
        rows += [_row(place, span) for span in new]
    _end(connection, until, at)
    if rows:
        connection.execute(insert(seat_regions), rows)
    _tell(places, wanted, stored, label, changes)


def _tell(
    places: Iterable[Place],
    wanted: Mapping[Place, Sequence[Span]],
    stored: Mapping[Place, Sequence[Span]],
    label: Label,
    changes: ChangeLog,
) -> None:
    for place in places:
        if place not in stored:
            changes.note("added", label(place))
        elif place in wanted:
            changes.note("changed", label(place))
        else:
            changes.note("disabled", label(place), "closed")


def _midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), zone).astimezone(dt.UTC)


def _stored(
    connection: Connection, camera_ids: Sequence[int], at: dt.datetime
) -> dict[Place, list[Span]]:
    """What the table says from `at` on; the first span of a place may have begun before."""
    table = seat_regions.c
    query = (
        select(table.camera_id, table.seat_id, table.polygon, table.valid)
        .where(
            any_(cast(list(camera_ids), ARRAY(Integer))) == table.camera_id,
            or_(func.upper_inf(table.valid), func.upper(table.valid) > at),
        )
        .order_by(func.lower(table.valid))
    )
    spans: dict[Place, list[Span]] = {}
    for camera_id, seat_id, polygon, valid in connection.execute(query):
        spans.setdefault((camera_id, seat_id), []).append(Span(valid.lower, valid.upper, polygon))
    return spans


def _clipped(spans: Sequence[Span], at: dt.datetime) -> list[Span]:
    return [Span(max(span.start, at), span.end, span.polygon) for span in spans]


def _at(spans: Sequence[Span], at: dt.datetime) -> Span | None:
    return next((span for span in spans if span.start <= at), None)


def _end(
    connection: Connection, until: Mapping[Place, dt.datetime | None], at: dt.datetime
) -> None:
    """Drop what lies ahead of `at`, and let what holds then end."""
    given: dict[str, Any] = {
        "cameras": [camera_id for camera_id, _ in until],
        "seats": [seat_id for _, seat_id in until],
        "at": at,
    }
    connection.execute(_DROP_PLANNED, given)
    connection.execute(_END_PRESENT, {**given, "until": list(until.values())})


def _refuse_the_past(
    connection: Connection, camera_ids: Sequence[int], at: dt.datetime, zone: ZoneInfo
) -> None:
    """History is never rewritten; bounds at a local midnight are plans, not changes."""
    table = seat_regions.c
    bounds = select(table.valid).where(
        any_(cast(list(camera_ids), ARRAY(Integer))) == table.camera_id,
        or_(func.lower(table.valid) > at, func.upper(table.valid) > at),
    )
    ranges = connection.execute(bounds).scalars()
    times = [time for span in ranges for time in (span.lower, span.upper) if time is not None]
    newest = max(
        (time for time in times if time > at and time.astimezone(zone).time() != dt.time()),
        default=None,
    )
    if newest is not None:
        raise SyncError(
            f"the last change was at {newest:%Y-%m-%d %H:%M:%S %Z}, which is later than "
            f"{at:%Y-%m-%d %H:%M:%S %Z}: check this machine's clock"
        )


def _row(place: Place, span: Span) -> dict[str, Any]:
    camera_id, seat_id = place
    return {
        "camera_id": camera_id,
        "seat_id": seat_id,
        "polygon": span.polygon,
        "valid": Range(span.start, span.end),
    }
