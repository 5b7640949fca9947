"""What an undisturbed aggregator makes of the recorded log: a database beside the disturbed one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from sqlalchemy.engine import make_url

from aggregator.leases import Lease, LeaseKeeper
from aggregator.metrics import AggregatorMetrics
from aggregator.reference import Places
from aggregator.room import Room
from aggregator.room_state import SNAPSHOT_VERSION
from aggregator.runner import build_aggregator
from aggregator.sealing import Sealer
from aggregator.store import Store, StoredState
from deploy.chaos.recorder import Entries
from schemas.database import connect, create_engine, upgrade
from schemas.site import Site
from schemas.sync import sync_site
from schemas.transport import Client
from schemas.transport.entries import id_order

NAME: Final = "undisturbed"
_HOLDER: Final = "undisturbed"
_COMMIT_EVERY: Final = 500  # entries


def create_database(url: str) -> str:
    """The url of a new, empty database on the same server."""
    fresh = make_url(url).set(database=NAME)
    engine = create_engine(url, pooled=False)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {NAME}"))
        connection.execute(sa.text(f"CREATE DATABASE {NAME}"))
    return fresh.render_as_string(hide_password=False)


def write_undisturbed(
    url: str,
    site: Site,
    synced_at: dt.datetime,
    client: Client,
    logs: Mapping[str, Entries],
    upto: Mapping[str, str],
) -> None:
    """Feed each room's whole log to one reducer and write its rows.

    Args:
        url: of an empty database.
        site: as the disturbed database knows it.
        synced_at: when that was synced.
        client: of the faces server; nothing is read or written.
        logs: what was recorded, by room.
        upto: the last entry that the disturbed aggregators committed, by room.
    """
    upgrade(url, now=synced_at)
    engine = create_engine(url)
    sync_site(engine, site, at=synced_at)
    # For what an aggregator writes before its first row; it is never run.
    build_aggregator(site, engine, client, AggregatorMetrics(CollectorRegistry()), _HOLDER)
    places = Places(site.site.id)
    with connect(engine) as connection:
        places.load(connection)
    store = Store(engine, places)
    for name, entries in logs.items():
        [lease] = LeaseKeeper(engine, _HOLDER).claim([places.room(name)])
        committed = [entry for entry in entries if id_order(entry[0]) <= id_order(upto[name])]
        _write_room(store, lease, Sealer(client, name), name, committed)
    engine.dispose()


def _write_room(store: Store, lease: Lease, sealer: Sealer, name: str, entries: Entries) -> None:
    room = Room.new(name)
    for start in range(0, len(entries), _COMMIT_EVERY):
        rows = []
        for entry_id, message in entries[start : start + _COMMIT_EVERY]:
            rows += room.feed(entry_id, message)
        snapshot = sealer.wrap(room.snapshot(), sealed=False, meeting_id=0)
        store.commit(lease, rows, StoredState(room.position, snapshot, SNAPSHOT_VERSION))
