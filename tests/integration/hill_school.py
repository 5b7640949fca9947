"""Hill School: its site file, edited for a test, and what a sync of it left in the database."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, Table, select, text

from schemas import tables
from schemas.database import create_engine, upgrade
from schemas.site import Site
from tests.integration.fresh_database import fresh_database

MONDAY = dt.datetime(2026, 11, 23, 6, 0, tzinfo=dt.UTC)
TUESDAY = MONDAY + dt.timedelta(days=1)
WEDNESDAY = MONDAY + dt.timedelta(days=2)
FAR = MONDAY + dt.timedelta(days=9999)
SQUARE = [[0.1, 0.1], [0.3, 0.1], [0.3, 0.3], [0.1, 0.3]]
OTHER_SQUARE = [[0.2, 0.1], [0.4, 0.1], [0.4, 0.3], [0.2, 0.3]]
FILE: dict[str, Any] = {
    "version": 1,
    "site": {"id": "hill-school", "name": "Hill School", "time_zone": "Europe/Amsterdam"},
    "policy": "standard",
    "rooms": [
        {
            "id": "room-a",
            "capacity": 30,
            "cameras": [
                {
                    "id": "room-a-1",
                    "url": "rtsp://${CAMERA_USER}:${CAMERA_PASSWORD}@10.0.0.5/main",
                    "calibration": {"yaw_deg": 12.3, "pitch_deg": -4.1},
                    "seats": {
                        "A1": {"polygon": SQUARE},
                        "A2": {
                            "polygon": OTHER_SQUARE,
                            "calibration": {"yaw_deg": 20.0, "pitch_deg": -4.0},
                        },
                    },
                },
                {"id": "room-a-2", "url": "films/a.mp4", "seats": {"A1": {"polygon": SQUARE}}},
            ],
        },
        {"id": "room-b", "cameras": [{"id": "room-b-1", "url": "rtsp://10.0.0.6/main"}]},
    ],
    "timetable": [
        {
            "id": "math-3b",
            "room": "room-a",
            "class": "class-3b",
            "weekdays": ["mon"],
            "start": "08:30",
            "end": "09:20",
        }
    ],
}

Edit = Callable[[dict[str, Any]], object]


def site(edit: Edit = lambda _file: None) -> Site:
    file = copy.deepcopy(FILE)
    edit(file)
    return Site.model_validate(file)


def camera(file: dict[str, Any], room: int, number: int) -> dict[str, Any]:
    return file["rooms"][room]["cameras"][number]


@contextmanager
def migrated_database(server_url: str) -> Iterator[Engine]:
    """A database with our tables, dropped afterwards."""
    with fresh_database(server_url) as url:
        upgrade(url, now=MONDAY)
        engine = create_engine(url)
        yield engine
        engine.dispose()


def empty(engine: Engine) -> None:
    """Take out what syncs wrote."""
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE orgs, calibrations, seat_regions CASCADE"))


def rows(engine: Engine, table: Table, *names: str) -> list[tuple[Any, ...]]:
    columns = [table.c[name] for name in names]
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).order_by(*columns))]


def dump(engine: Engine) -> dict[str, list[str]]:
    with engine.connect() as connection:
        return {
            table.name: sorted(str(row) for row in connection.execute(select(table)))
            for table in tables.metadata.sorted_tables
        }


def validities(engine: Engine, table: Table) -> list[tuple[dt.datetime, dt.datetime | None]]:
    with engine.connect() as connection:
        ranges = connection.execute(select(table.c.valid)).scalars()
        return sorted(((r.lower, r.upper) for r in ranges), key=lambda r: (r[0], r[1] or FAR))
