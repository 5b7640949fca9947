"""The sync of one site file, table after table, in one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from sqlalchemy import Connection, Engine, func, insert, select, update

from schemas.database import connect, require_migrated
from schemas.partitions import ensure_partitions
from schemas.retention import store_retention
from schemas.site import Site
from schemas.sync.lock import hold_numbers
from schemas.sync.plans import sync_plans
from schemas.sync.report import ChangeLog, SyncReport
from schemas.sync.reports import sync_reports
from schemas.sync.things import sync_cameras, sync_classes, sync_rooms, sync_seats, sync_site_row
from schemas.tables import cameras, classes, seats, sites


def sync_site(engine: Engine, site: Site, at: dt.datetime, *, dry_run: bool = False) -> SyncReport:
    """Write the site file to the reference tables; what left it is disabled, never deleted.

    Idempotent: the second sync of the same file changes nothing. Other sites in the same database
    are left alone. Partitions are created from `at` on.

    Args:
        engine: of a database at the newest migration.
        site: the whole site file.
        at: aware time from which changed regions and calibrations hold.
        dry_run: tell what would change, change nothing.

    Raises:
        SyncError: a camera moved to another room, a room used up its 31 cameras, or `at` lies
            before the last change.
        DatabaseUnavailableError, DatabaseVersionError: no server, or not migrated yet.
        ValueError: `at` has no time zone.
    """
    if at.tzinfo is None:
        raise ValueError(f"the sync time needs a time zone: {at = }")
    changes = ChangeLog()
    with connect(engine) as connection:
        require_migrated(connection)
        hold_numbers(connection)
        _sync(connection, site, at, changes)
        ensure_partitions(connection, at)
        if dry_run:
            connection.rollback()
        else:
            connection.commit()
    return changes.report(site.site.id, dry_run=dry_run)


def mask_bits(connection: Connection, site_id: str) -> dict[str, int]:
    """The bit in `cam_mask` of every camera that a site ever had, by the camera's slug."""
    query = (
        select(cameras.c.slug, cameras.c.mask_bit)
        .join(sites, sites.c.site_id == cameras.c.site_id)
        .where(sites.c.slug == site_id)
    )
    return {row.slug: row.mask_bit for row in connection.execute(query)}


def add_classes(engine: Engine, site_id: int, slugs: Iterable[str]) -> None:
    """Number classes that no sync could know: only a calendar's categories name them."""
    number = classes.c.class_id
    with connect(engine) as connection:
        hold_numbers(connection)
        known = select(classes.c.slug).where(classes.c.site_id == site_id)
        new = sorted(set(slugs) - set(connection.execute(known).scalars()))
        first = (connection.execute(select(func.max(number))).scalar() or 0) + 1
        for class_id, slug in enumerate(new, start=first):
            connection.execute(
                insert(classes).values(class_id=class_id, site_id=site_id, slug=slug, title=slug)
            )
        connection.commit()


def add_proposed_seats(engine: Engine, room_id: int, labels: Iterable[str]) -> None:
    """Number seats that nobody drew, so that rows can name them.

    A seat that had once been drawn and has left the site file is taken up again.
    """
    number, label = seats.c.seat_id, seats.c.label
    with connect(engine) as connection:
        hold_numbers(connection)
        known = select(label, seats.c.enabled).where(seats.c.room_id == room_id)
        enabled = {row.label: row.enabled for row in connection.execute(known)}
        first = (connection.execute(select(func.max(number))).scalar() or 0) + 1
        new = [name for name in sorted(set(labels)) if name not in enabled]
        for seat_id, name in enumerate(new, start=first):
            connection.execute(
                insert(seats).values(seat_id=seat_id, room_id=room_id, label=name, proposed=True)
            )
        for name in labels:
            if not enabled.get(name, True):
                connection.execute(
                    update(seats)
                    .where(seats.c.room_id == room_id, label == name)
                    .values(enabled=True, proposed=True)
                )
        connection.commit()


def _sync(connection: Connection, site: Site, at: dt.datetime, changes: ChangeLog) -> None:
    site_id = sync_site_row(connection, site, changes)
    store_retention(connection)
    sync_classes(connection, site, site_id, changes)
    room_ids = sync_rooms(connection, site, site_id, changes)
    sync_cameras(connection, site, site_id, room_ids, changes)
    sync_seats(connection, site, site_id, room_ids, changes)
    sync_plans(connection, site, site_id, at, changes)
    sync_reports(connection, site, site_id, changes)
