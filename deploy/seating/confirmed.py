"""That a room's seats were confirmed, as an event: the room itself remembers the last time only.

Figures of single students need seats that were confirmed before the lesson (SCORE §5), also after
they were confirmed again.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from aggregator.meetings import hash_id, iso_utc
from schemas.partitions import ensure_partitions
from schemas.site import Site
from schemas.tables import events, sites

SEATS_CONFIRMED: Final = "seats_confirmed"
_TO_KNOW: Final = 1  # severity


def note_confirmation(
    connection: Connection, site: Site, room: str, room_id: int, at: dt.datetime
) -> None:
    """Write the event, in the caller's transaction.

    Args:
        connection: of the database.
        site: the site file.
        room: slug.
        room_id: the room's number.
        at: aware time, whole seconds.
    """
    ensure_partitions(connection, at, 0)
    number = select(sites.c.site_id).where(sites.c.slug == site.site.id).scalar_subquery()
    second = iso_utc(int(at.timestamp()))
    connection.execute(
        insert(events)
        .values(
            ts=at,
            event_id=hash_id(site.site.id, room, SEATS_CONFIRMED, second),
            kind=SEATS_CONFIRMED,
            severity=_TO_KNOW,
            site_id=number,
            room_id=room_id,
        )
        .on_conflict_do_nothing()
    )
