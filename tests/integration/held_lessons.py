"""Lessons of a class, from a log through a room into a real database."""

from __future__ import annotations

import datetime as dt
import functools
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import text

from aggregator import cells, score
from aggregator.formula import register_formula
from aggregator.leases import LeaseKeeper
from aggregator.plan import build_plan
from aggregator.reference import Places
from aggregator.room import Room
from aggregator.rows import Rows
from aggregator.score_params import ScoreParams
from aggregator.store import Store, StoredState
from schemas.database import create_engine, upgrade
from schemas.messages import Face, RoomPlan, Tick
from schemas.site import Site
from schemas.sync import sync_site
from tests.integration.running_rooms import SINCE, a_site
from tests.unit import room_log

STUDENTS = 6
ZONE = ZoneInfo("Europe/Amsterdam")


def a_class_site(length_min: int, activity: str = "lecture") -> Site:
    """Class 3b is held every day from the log's first minute on."""
    start = dt.datetime.fromtimestamp(room_log.START, ZONE)
    rule = {
        "id": "r1",
        "room": "room-1",
        "weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
        "start": f"{start:%H:%M}",
        "end": f"{start + dt.timedelta(minutes=length_min):%H:%M}",
        "class": "3b",
        "activity": activity,
    }
    site = a_site(seats=STUDENTS).model_dump(mode="json", by_alias=True)
    return Site.model_validate({**site, "timetable": [rule]})


def restless(seed: int, *, noise_deg: float = 4.0, restlessness: float = 1.0) -> room_log.Scene:
    """Students who look to the front, to their desks and elsewhere for some seconds each.

    Every pose has Gaussian noise; now and then one sleeps for a minute, head up and eyes closed.
    """
    chance = random.Random(seed)
    looks: dict[int, list[tuple[float, float, bool]]] = {}
    for student in range(STUDENTS):
        seconds: list[tuple[float, float, bool]] = []
        while len(seconds) < 3600:
            weights = (6.0, 3.0, 0.5 + 0.5 * student * restlessness)
            front = (5.0, -4.0)
            desk = (5.0 + chance.uniform(-15, 15), -4.0 - chance.uniform(20, 50))
            away = (5.0 + chance.choice([-1, 1]) * chance.uniform(25, 90), -6.0)
            [look] = chance.choices([front, desk, away], weights)
            asleep = chance.random() < 0.04
            length_s = 60 if asleep else chance.randint(3, 90)
            seconds += [(*(front if asleep else look), asleep)] * length_s
        looks[student] = seconds
    noise = [(chance.gauss(0, noise_deg), chance.gauss(0, noise_deg)) for _ in range(9973)]

    def scene(at_s: float, camera: str) -> Sequence[Face]:
        faces = []
        for student in range(STUDENTS):
            yaw, pitch, asleep = looks[student][int(at_s)]
            dy, dp = noise[(int(at_s * 2) * 31 + student * 977) % len(noise)]
            if dy < -1.5 * noise_deg and dp < 0:
                continue  # not every face is found
            x, y = room_log.centre(student)
            ear = 0.08 if asleep else 0.3
            faces.append(room_log.face(x + dy / 4000, y, yaw + dy, pitch + dp, ear=ear))
        return faces

    return scene


@functools.cache
def lesson_rows(
    length_min: int, seed: int, activity: str = "lecture", restlessness: float = 1.0
) -> tuple[object, ...]:
    """The rows of one lesson, as a room computes them with the score as it is."""
    plan = _plan(a_class_site(length_min, activity))
    scene = restless(seed, restlessness=restlessness)
    timed = room_log.timed_log(plan, length_min * 60, scene, fps=1)
    ends = length_min * 60
    timed += [(float(at), Tick(room_id="room-1")) for at in range(ends + 1, ends + 80, 5)]
    room, rows = Room.new("room-1"), []
    for entry_id, message in room_log.entries(timed):
        rows += room.feed(entry_id, message)
    assert room.state.meeting is None
    return tuple(rows)


def _plan(site: Site) -> RoomPlan:
    return build_plan(site, site.rooms[0], {"cam-1": 0}, room_log.START * room_log.NS)


@contextmanager
def scored_under(params: ScoreParams) -> Iterator[None]:
    """Rooms score by other parameters than the built-in ones, until the end of the block."""
    credits_, built_in = dict(score._CREDIT), cells.orientation

    def orientation(*arguments: Any) -> score.Orientation:
        seen = built_in(*arguments)
        front, desk = params.memberships(seen.dy_deg, seen.dp_deg)
        return seen._replace(o_front=front, o_desk=desk)

    score._CREDIT.update(params.credit)
    cells.orientation = orientation
    try:
        yield
    finally:
        score._CREDIT.clear()
        score._CREDIT.update(credits_)
        cells.orientation = built_in


def days_later(rows: Sequence[object], days: int) -> Rows:
    """The same lesson on another day: other times, other meeting and participations."""

    def move(row: object) -> object:
        changes: dict[str, object] = {}
        for name in (
            "window_start",
            "minute",
            "meeting_start",
            "started",
            "ended",
            "start",
            "end",
            "ts",
        ):
            if getattr(row, name, None) is not None:
                changes[name] = getattr(row, name) + days * 86_400
        for name in ("meeting_id", "participation_id"):
            if getattr(row, name, None) is not None:
                changes[name] = getattr(row, name) ^ (days << 32)
        for name in ("planned", "present"):
            if getattr(row, name, None):
                changes[name] = _moved(getattr(row, name), days * 86_400)
        if hasattr(row, "source_key"):
            changes["source_key"] = f"{row.source_key}+{days}"
        return msgspec.structs.replace(row, **changes)

    return [move(row) for row in rows]  # type: ignore[misc]  # of their own types again


def _moved(value: object, seconds: int) -> object:
    return tuple(_moved(v, seconds) for v in value) if isinstance(value, tuple) else value + seconds  # type: ignore[operator]


class HeldLessons:
    """A synced database into which lessons are written as an aggregator would."""

    def __init__(self, database_url: str, length_min: int) -> None:
        upgrade(database_url, now=dt.datetime.fromtimestamp(room_log.START, dt.UTC))
        self.engine = create_engine(database_url)
        self.site = a_class_site(length_min)
        sync_site(self.engine, self.site, at=SINCE)
        self.places = Places("school")
        with self.engine.begin() as connection:
            self.places.load(connection)
            register_formula(connection)
        self._store = Store(self.engine, self.places)
        [self._lease] = LeaseKeeper(self.engine, "a").claim([1])

    def hold(self, rows: Sequence[object]) -> None:
        """Write a lesson's rows."""
        self._store.commit(self._lease, list(rows), StoredState("1-1", b"", 2))  # type: ignore[arg-type]

    def rows(self, table: str, version: int, columns: str = "*") -> list[dict[str, object]]:
        """A table's rows of one version, in the order of their keys."""
        query = text(f"SELECT {columns} FROM {table} WHERE score_version = :v ORDER BY 2, 1")
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(query, {"v": version}).mappings()]

    def execute(self, sql: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(sql))
