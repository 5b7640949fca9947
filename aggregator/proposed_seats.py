"""Proposed seats into their table: before the rows that name them, and in a transaction apart.

So the lock of the site file's sync, under which things are numbered, is held for a moment only, and
a number that the store remembers is one that was committed.
"""

from __future__ import annotations

from sqlalchemy import Engine

from aggregator.reference import Places
from aggregator.rows import Rows, SeatRow
from schemas import sync
from schemas.database import connect


def add_seats(engine: Engine, places: Places, rows: Rows) -> None:
    """Number the proposed seats that the database does not know yet."""
    unknown: dict[str, set[str]] = {}
    for row in rows:
        if isinstance(row, SeatRow) and places.seat(row.room, row.seat) is None:
            unknown.setdefault(row.room, set()).add(row.seat)
    for room, labels in sorted(unknown.items()):
        sync.add_proposed_seats(engine, places.room(room), sorted(labels))
    if unknown:
        with connect(engine) as connection:
            places.load(connection)
