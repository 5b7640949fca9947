"""Puts one aggregator together and runs it until it is told to stop."""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog
from sqlalchemy import Engine

from aggregator.calibration.ranges import stored_directions
from aggregator.errors import UnknownPlaceError
from aggregator.formula import register_formula
from aggregator.garbage import collecting_seldom
from aggregator.leases import LeaseKeeper
from aggregator.loop import Aggregator
from aggregator.metrics import AggregatorMetrics
from aggregator.patience import Patience
from aggregator.plan import build_plan
from aggregator.recorded_run import RecordedRun
from aggregator.reference import Places
from aggregator.seated import SeatedBook
from aggregator.store import Store
from schemas.calendars.book import CalendarBook
from schemas.database import (
    DatabaseUnavailableError,
    connect,
    create_engine,
    require_migrated,
)
from schemas.messages import RoomPlan
from schemas.settings import Settings
from schemas.site import Room, Site
from schemas.site_following import follow_site
from schemas.site_watch import SiteWatch
from schemas.sync import mask_bits
from schemas.transport import Client
from schemas.transport import connect as connect_redis

_log = structlog.get_logger(__name__)


def run_aggregator(
    site: Site,
    settings: Settings,
    stop: threading.Event,
    *,
    metrics: AggregatorMetrics | None = None,
    run: RecordedRun | None = None,
    watch: SiteWatch | None = None,
    folder: Path | None = None,
) -> None:
    """Turn the logs of the site's rooms into rows until `stop` is set.

    A changed site file begins a new turn: everything is committed, and the rooms go on from there
    with their new plans.

    Args:
        site: rooms, cameras, seats, timetable and policy.
        settings: the observations server and the database.
        stop: set to commit, give the rooms back and return.
        metrics: for tests; by default registered in the process' registry.
        run: serve this recording and nothing live, and return when it is over.
        watch: of the site file, to follow its changes.
        folder: of the site file, where its calendars are; None: they are not read.

    Raises:
        SettingsError: a server's url is missing or wrong.
        TransportRefusedError: the observations server does not let us in.
        DatabaseVersionError: `facepose db upgrade` has to run first.
        UnknownPlaceError: `facepose db sync` has to run first.
    """
    metrics = metrics or AggregatorMetrics()
    engine = create_engine(settings.require_database_url())
    with connect_redis(settings.require_faces_url()) as client:

        def turn(site: Site, end: threading.Event) -> None:
            patience = Patience(end, metrics)
            calendars = _calendars(site, folder, end) if run is None else None
            aggregator = patience.until_done(
                lambda: build_aggregator(
                    site, engine, client, metrics, holder_name(), run=run, calendars=calendars
                )
            )
            if aggregator is not None:
                _serve(aggregator, patience, end)

        follow_site(site, watch, stop, turn, _Known(engine))
    engine.dispose()


def _calendars(site: Site, folder: Path | None, end: threading.Event) -> CalendarBook | None:
    """The site's calendar files, read and followed until `end` is set."""
    if folder is None or not site.calendars:
        return None
    book = CalendarBook(site, folder, time.time)
    book.look(settled=True)
    book.follow(end)
    return book


def _serve(aggregator: Aggregator, patience: Patience, end: threading.Event) -> None:
    with collecting_seldom():
        while not end.is_set() and not aggregator.is_over():
            patience.try_once(aggregator.step)
            if aggregator.is_idle():
                end.wait(0.2)
    patience.try_once(aggregator.finish)


class _Known:
    """Whether the database knows all of a new site; until then the old one is served."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._told: Site | None = None

    def __call__(self, site: Site) -> bool:
        """Ask the database; what is missing is told once."""
        try:
            with connect(self._engine) as connection:
                places = Places(site.site.id)
                places.load(connection)
                bits = mask_bits(connection, site.site.id)
            for room in _rooms(site).values():
                places.room(room.id)
                build_plan(site, room, bits, 0)
        except (UnknownPlaceError, DatabaseUnavailableError) as exc:
            if self._told is not site:
                self._told = site
                _log.warning(
                    "The changed site file waits until the database knows what is new in it.",
                    action="site_waits",
                    reason=str(exc),
                )
            return False
        return True


def _rooms(site: Site) -> dict[str, Room]:
    """The rooms that have a camera."""
    return {room.id: room for room in site.rooms if any(c.enabled for c in room.cameras)}


def build_aggregator(
    site: Site,
    engine: Engine,
    client: Client,
    metrics: AggregatorMetrics,
    holder: str,
    *,
    run: RecordedRun | None = None,
    calendars: CalendarBook | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Aggregator:
    """An aggregator for all rooms of the site that have a camera, or for one recording.

    `calendars` tells the rooms' lessons by their calendar files.
    `monotonic` is another clock for a bench: seconds that only grow.

    Raises:
        DatabaseVersionError, UnknownPlaceError: the database is not ready for this site.
    """
    places = Places(site.site.id)
    with connect(engine) as connection:
        require_migrated(connection)
        places.load(connection)
        bits = mask_bits(connection, site.site.id)
        register_formula(connection)
        connection.commit()
    rooms = _rooms(site)
    if run is not None:
        rooms = {name: room for name, room in rooms.items() if name == run.room_id}

    book = SeatedBook(engine, site, monotonic)

    def plan_of(name: str, at_ns: int, before: RoomPlan | None = None) -> RoomPlan:
        occurrences = calendars.of_room(name) if calendars else ()
        if occurrences is None:  # its files cannot be read now
            occurrences = before.occurrences if before else ()
        plan = build_plan(site, rooms[name], bits, at_ns, occurrences=occurrences)
        with connect(engine) as connection:
            stored = stored_directions(connection, places.room(name))
        seated = book.of_room(name)
        return msgspec.structs.replace(plan, calibrations=stored, seated=seated)

    def plan_news() -> set[str]:
        return book.take_news() | (calendars.take_news() if calendars else set())

    for name in rooms:
        plan_of(name, 0)  # an unknown camera is told now, not in the middle
    return Aggregator(
        client,
        Store(engine, places),
        LeaseKeeper(engine, holder, run.run_id if run else ""),
        {name: places.room(name) for name in rooms},
        plan_of,
        metrics,
        monotonic,
        run=run,
        plan_news=plan_news if run is None else set[str],
    )


def holder_name() -> str:
    """A name that no other process has or will have."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
