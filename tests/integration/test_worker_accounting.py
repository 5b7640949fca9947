"""Workers die between any two commands, streams are trimmed: the accounting still closes.

Simulated workers run on a real Valkey, one step at a time. A dying worker stops after any command
to either server, or in the middle of one: sent, but its answer lost.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
import redis
import simplejpeg
from prometheus_client import CollectorRegistry

from schemas.messages import Frame, FrameFaces, decode_frame, decode_room_message, encode
from schemas.site_file import parse_site
from schemas.streams import GROUP_WORKERS, faces_stream, frames_stream
from tests.fixtures_analyzer import StandInAnalyzer
from tests.fixtures_worker import LocalValkey
from workers.batching import BatchLimits
from workers.loop import Worker
from workers.metrics import WorkerMetrics
from workers.runner import Tuning, build_worker

CAMERAS = ("c1", "c2")
SITE = parse_site(
    """
version: 1
site: {id: school, time_zone: UTC}
policy: demo
rooms:
  - id: r1
    cameras:
      - {id: c1, url: "rtsp://camera.invalid/1"}
      - {id: c2, url: "rtsp://camera.invalid/2"}
"""
)
JPEG = simplejpeg.encode_jpeg(np.full((8, 8, 3), 99, np.uint8))
TUNING = Tuning(BatchLimits(max_frames=3, linger_s=0.0, idle_block_s=0.001), reclaim_idle_ms=1)

Identity = tuple[str, str, int]


class KilledError(BaseException):
    """The worker is dead; no handler may catch this."""


@dataclass
class Life:
    """How many commands a worker still sends; None: it lives on."""

    commands_left: int | None = None
    answer_lost: bool = False

    def spend(self, send):
        """Send one command, or several at once, or die."""
        if self.commands_left is None:
            return send()
        if self.commands_left > 0:
            self.commands_left -= 1
            return send()
        if self.answer_lost:
            send()
        raise KilledError


class MortalClient(redis.Redis):
    """A client that dies with its worker."""

    life = Life()

    def execute_command(self, *args, **options):
        return self.life.spend(lambda: super(MortalClient, self).execute_command(*args, **options))

    def pipeline(self, transaction=True, shard_hint=None):
        pipeline = super().pipeline(transaction, shard_hint)
        execute = pipeline.execute
        pipeline.execute = lambda: self.life.spend(execute)
        return pipeline


@dataclass
class Simulation:
    """Cameras, mortal workers and a reader of the room's log."""

    frames: LocalValkey
    faces: LocalValkey
    published: list[Identity] = field(default_factory=list)
    trimmed: set[Identity] = field(default_factory=set)
    seq: Iterator[int] = field(default_factory=itertools.count)
    workers: dict[int, tuple[Worker, Life]] = field(default_factory=dict)
    clients: list[redis.Redis] = field(default_factory=list)
    now_s: Iterator[int] = field(default_factory=itertools.count)

    def client(self, server: LocalValkey, life: Life) -> MortalClient:
        client = MortalClient.from_url(server.url, protocol=2)
        client.life = life
        self.clients.append(client)
        return client

    def publish(self, camera: str) -> None:
        frame = Frame(
            room_id="r1",
            camera_id=camera,
            epoch="e1",
            seq=next(self.seq),
            captured_at=time.time_ns(),
            width=8,
            height=8,
        )
        self.clients[0].xadd(frames_stream(camera), encode(frame, JPEG))
        self.published.append((camera, "e1", frame.seq))

    def trim(self, camera: str, keep: int) -> None:
        stream = frames_stream(camera)
        for _, fields in self.clients[0].xrange(stream)[: -keep or None]:
            frame, _ = decode_frame(fields)
            self.trimmed.add((camera, "e1", frame.seq))
        self.clients[0].xtrim(stream, maxlen=keep, approximate=False)

    def step(self, name: int, commands: int | None = None, *, answer_lost: bool = False) -> None:
        """One round of worker `name`, which dies when `commands` are spent."""
        worker, life = self.workers.get(name) or self._start(name)
        life.commands_left, life.answer_lost = commands, answer_lost
        try:
            worker._handle(worker._prepare())
        except KilledError:
            del self.workers[name]

    def _start(self, name: int) -> tuple[Worker, Life]:
        life = Life()
        worker = build_worker(
            SITE,
            self.client(self.frames, life),
            self.client(self.faces, life),
            StandInAnalyzer(warmed_up=True),
            stop=threading.Event(),
            max_age_s=60.0,
            metrics=WorkerMetrics(CollectorRegistry()),
            tuning=TUNING,
            monotonic=lambda: next(self.now_s),
        )
        self.workers[name] = worker, life
        return worker, life

    def open_frames(self) -> int:
        """Frames that are unread or pending."""
        still_open = 0
        for camera in CAMERAS:
            stream = frames_stream(camera)
            (group,) = self.clients[0].xinfo_groups(stream)
            last = group["last-delivered-id"].decode()
            still_open += group["pending"] + len(self.clients[0].xrange(stream, f"({last}"))
        return still_open

    def finish(self) -> list[FrameFaces]:
        """An undisturbed worker clears up; all records of the room."""
        self.workers.clear()
        for _ in range(1000):
            self.step(99)
            if self.open_frames() == 0:
                break
        assert self.open_frames() == 0
        with self.faces.client() as client:
            return [decode_room_message(fields) for _, fields in client.xrange(faces_stream("r1"))]


@pytest.fixture(scope="module")
def two_servers() -> Iterator[tuple[LocalValkey, LocalValkey]]:
    with LocalValkey() as frames, LocalValkey() as faces:
        yield frames, faces


def new_simulation(two_servers) -> Simulation:
    simulation = Simulation(*two_servers)
    for server in two_servers:
        simulation.client(server, Life()).flushall()
    for camera in CAMERAS:
        simulation.clients[0].xgroup_create(
            frames_stream(camera), GROUP_WORKERS, id="0", mkstream=True
        )
    return simulation


def play(simulation: Simulation, dice: random.Random, n_events: int) -> None:
    """Random events: cameras publish, workers work or die at some command, streams are trimmed."""
    for _ in range(n_events):
        kind = dice.choices(["publish", "step", "die", "trim"], [6, 2, 4, 1])[0]
        if kind == "publish":
            simulation.publish(dice.choice(CAMERAS))
        elif kind == "trim":
            simulation.trim(dice.choice(CAMERAS), keep=dice.randint(2, 8))
        elif kind == "step":
            simulation.step(dice.randrange(3))
        else:
            commands, answer_lost = dice.randint(0, 12), dice.random() < 0.5
            simulation.step(dice.randrange(3), commands, answer_lost=answer_lost)


@pytest.mark.parametrize("seed", range(8))
def test_every_published_frame_has_one_record_or_was_trimmed(two_servers, seed):
    simulation = new_simulation(two_servers)
    try:
        play(simulation, random.Random(seed), n_events=150)
        records = simulation.finish()
    finally:
        for client in simulation.clients:
            client.close()
    told = {(r.camera_id, r.epoch, r.seq): r for r in records}
    lost = set(simulation.published) - set(told)
    assert set(told) <= set(simulation.published)
    assert lost <= simulation.trimmed  # the aggregator sees the gap and counts it
    outcomes = Counter(record.outcome for record in told.values())
    assert len(simulation.published) == outcomes.total() + len(lost)
    # a second record of a frame says the same as the first, so either may be dropped
    for record in records:
        first = told[record.camera_id, record.epoch, record.seq]
        if {record.outcome, first.outcome} == {"analysed"}:
            assert record.faces == first.faces


def test_without_deaths_nothing_is_told_twice(two_servers):
    simulation = new_simulation(two_servers)
    for turn in range(10):
        simulation.publish("c1")
        simulation.publish("c2")
        simulation.step(turn % 2)
    records = simulation.finish()
    for client in simulation.clients:
        client.close()
    assert len(records) == len(simulation.published) == 20


@pytest.mark.parametrize("answer_lost", [False, True])
def test_a_death_at_any_command_leaves_one_distinct_record(two_servers, answer_lost):
    told_twice = 0
    for commands in range(12):
        simulation = new_simulation(two_servers)
        simulation.publish("c1")
        simulation.step(0, commands, answer_lost=answer_lost)
        records = simulation.finish()
        for client in simulation.clients:
            client.close()
        assert {record.seq for record in records} == {0}
        told_twice += len(records) == 2
    assert told_twice >= 1  # a death between publish and acknowledgement was among them
