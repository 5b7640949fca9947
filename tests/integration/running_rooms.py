"""A synced database, an observations server and aggregators that are driven step by step."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence

import redis
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, text

from aggregator.loop import Aggregator
from aggregator.metrics import AggregatorMetrics
from aggregator.plan import build_plan
from aggregator.runner import build_aggregator
from schemas.database import create_engine, upgrade
from schemas.messages import RoomMessage, RoomPlan, Tick, encode
from schemas.site import Site
from schemas.streams import faces_stream
from schemas.sync import sync_site
from schemas.transport import connect
from schemas.transport.entries import id_order
from tests.unit import room_log

LOG = faces_stream("room-1")
SINCE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
Timed = Sequence[tuple[float, RoomMessage]]


def a_site(policy: str = "demo", seats: int = 6) -> Site:
    camera = {
        "id": "cam-1",
        "url": "rtsp://camera/1",
        "analysis_fps": 2,
        "seats": {
            seat.label: {
                "polygon": seat.polygon,
                "calibration": {"yaw_deg": 5.0, "pitch_deg": -4.0},
            }
            for seat in room_log.seat_plans(seats)
        },
    }
    return Site.model_validate(
        {
            "version": 1,
            "site": {"id": "school", "time_zone": "Europe/Amsterdam"},
            "policy": policy,
            "rooms": [{"id": "room-1", "cameras": [camera]}],
        }
    )


def a_future_minute() -> int:
    """Entries get ids of their own times, so they must lie behind what the servers' clock gives."""
    return (int(time.time()) // 60 + 10) * 60


class School:
    """One site in real servers."""

    def __init__(self, database_url: str, redis_url: str, site: Site) -> None:
        upgrade(database_url, now=dt.datetime.fromtimestamp(room_log.START, dt.UTC))
        self.database_url = database_url
        self.engine: Engine = create_engine(database_url)
        sync_site(self.engine, site, at=SINCE)
        self.site = site
        self.client = connect(redis_url)
        self.raw = redis.Redis.from_url(redis_url)
        self._number = 0

    @property
    def plan(self) -> RoomPlan:
        return build_plan(self.site, self.site.rooms[0], {"cam-1": 0}, room_log.START * room_log.NS)

    def aggregator(self, name: str) -> Aggregator:
        metrics = AggregatorMetrics(CollectorRegistry())
        return build_aggregator(self.site, self.engine, self.client, metrics, name)

    def a_lesson(self, length_s: int) -> Timed:
        """A lesson of six students that ends, with ticks until its meeting has closed."""
        timed = room_log.timed_log(self.plan, length_s, room_log.classroom(), ends=True)
        return timed + [(length_s + 1.0 + 5 * i, Tick(room_id="room-1")) for i in range(16)]

    def log(self, timed: Timed) -> None:
        """Append messages under ids of their own times."""
        for at, message in timed:
            self._number += 1
            milliseconds = round((room_log.START + at) * 1000)
            self.raw.xadd(LOG, encode(message), id=f"{milliseconds}-{self._number}")

    def run(self, aggregator: Aggregator) -> None:
        """Step until the log is read and committed; what is committed counts from here on."""
        last = self.last_id()
        for _ in range(100):
            aggregator.step()
            held = next(iter(aggregator._held.values()), None)
            if held is None or id_order(held.room.position) >= id_order(last):
                break
        for held in aggregator._held.values():
            held.committed_s = float("-inf")
        aggregator._commit_due()

    def last_id(self) -> str:
        return self.raw.xinfo_stream(LOG)["last-generated-id"].decode()

    def expire_leases(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(text("UPDATE room_leases SET until = now() - interval '1 s'"))

    def rows(self, table: str, columns: str = "*") -> list[tuple[object, ...]]:
        with self.engine.connect() as connection:
            result = connection.execute(text(f"SELECT {columns} FROM {table} ORDER BY 1, 2"))
            return [tuple(row) for row in result]

    def close(self) -> None:
        self.engine.dispose()
        self.client.close()
        self.raw.close()
