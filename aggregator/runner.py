"""Puts one aggregator together and runs it until it is told to stop."""

from __future__ import annotations

import datetime as dt
import os
import socket
import threading
import uuid
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from sqlalchemy import Engine

from aggregator.leases import LeaseKeeper
from aggregator.loop import Aggregator
from aggregator.metrics import AggregatorMetrics
from aggregator.patience import Patience
from aggregator.plan import build_plan
from aggregator.recorded_run import RecordedRun
from aggregator.score import PARAMS, SCORE_VERSION
from aggregator.store import Places, Store
from schemas.database import (
    connect,
    create_engine,
    require_migrated,
)
from schemas.messages import RoomPlan
from schemas.score_versions import ensure_score_version
from schemas.settings import Settings
from schemas.site import Site
from schemas.sync import mask_bits
from schemas.transport import Client
from schemas.transport import connect as connect_redis

SCORE_NAME: Final = "AS-1 visual orientation index"
SCORE_SINCE: Final = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def run_aggregator(
    site: Site,
    settings: Settings,
    stop: threading.Event,
    *,
    metrics: AggregatorMetrics | None = None,
    run: RecordedRun | None = None,
) -> None:
    """Turn the logs of the site's rooms into rows until `stop` is set.

    Args:
        site: rooms, cameras, seats, timetable and policy.
        settings: the observations server and the database.
        stop: set to commit, give the rooms back and return.
        metrics: for tests; by default registered in the process' registry.
        run: serve this recording and nothing live, and return when it is over.

    Raises:
        SettingsError: a server's url is missing or wrong.
        TransportRefusedError: the observations server does not let us in.
        DatabaseVersionError: `facepose db upgrade` has to run first.
        UnknownPlaceError: `facepose db sync` has to run first.
    """
    metrics = metrics or AggregatorMetrics()
    engine = create_engine(settings.require_database_url())
    with connect_redis(settings.require_faces_url()) as client:
        patience = Patience(stop, metrics)
        aggregator = patience.until_done(
            lambda: build_aggregator(site, engine, client, metrics, holder_name(), run=run)
        )
        while aggregator is not None and not stop.is_set() and not aggregator.is_over():
            patience.try_once(aggregator.step)
            if aggregator.is_idle():
                stop.wait(0.2)
        if aggregator is not None:
            patience.try_once(aggregator.finish)
    engine.dispose()


def build_aggregator(
    site: Site,
    engine: Engine,
    client: Client,
    metrics: AggregatorMetrics,
    holder: str,
    *,
    run: RecordedRun | None = None,
) -> Aggregator:
    """An aggregator for all rooms of the site that have a camera, or for one recording.

    Raises:
        DatabaseVersionError, UnknownPlaceError: the database is not ready for this site.
    """
    places = Places(site.site.id)
    with connect(engine) as connection:
        require_migrated(connection)
        places.load(connection)
        bits = mask_bits(connection, site.site.id)
        ensure_score_version(
            connection,
            SCORE_VERSION,
            SCORE_NAME,
            params=PARAMS,
            code_version=code_version(),
            effective_from=SCORE_SINCE,
        )
        connection.commit()
    rooms = {room.id: room for room in site.rooms if any(c.enabled for c in room.cameras)}
    if run is not None:
        rooms = {name: room for name, room in rooms.items() if name == run.room_id}

    def plan_of(name: str, at_ns: int) -> RoomPlan:
        return build_plan(site, rooms[name], bits, at_ns)

    for name in rooms:
        plan_of(name, 0)  # an unknown camera is told now, not in the middle
    return Aggregator(
        client,
        Store(engine, places),
        LeaseKeeper(engine, holder, run.run_id if run else ""),
        {name: places.room(name) for name in rooms},
        plan_of,
        metrics,
        run=run,
    )


def holder_name() -> str:
    """A name that no other process has or will have."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def code_version() -> str:
    """Of the installed package."""
    try:
        return version("facepose-classroom")
    except PackageNotFoundError:
        return "unknown"
