"""A worker in a thread between two real servers, and what a camera and a reader would do."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec
import numpy as np
import simplejpeg
from prometheus_client import CollectorRegistry

from schemas import messages
from schemas.messages import Frame, FrameFaces, encode
from schemas.settings import Settings
from schemas.site_file import parse_site
from schemas.streams import GROUP_WORKERS, dead_stream, faces_stream, frames_stream
from tests.fixtures_analyzer import StandInAnalyzer
from tests.fixtures_worker import LocalValkey
from workers.metrics import WorkerMetrics
from workers.runner import run_worker

SITE_TEXT = """
version: 1
site: {{id: school, time_zone: Europe/Amsterdam}}
policy: {policy}
rooms:
  - id: r1
    cameras:
      - {{id: c1, url: "rtsp://camera.invalid/1"}}
      - {{id: c2, url: "rtsp://camera.invalid/2"}}
  - id: r2
    cameras:
      - {{id: c3, url: "rtsp://camera.invalid/3"}}
"""
ROOM_OF = {"c1": "r1", "c2": "r1", "c3": "r2"}
WAIT_S = 30.0


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Poll until `condition` holds; fails loudly instead of hanging."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {WAIT_S:g} s for {what}"
        time.sleep(0.01)


def grey_jpeg(level: int, width: int = 32, height: int = 24) -> bytes:
    return simplejpeg.encode_jpeg(np.full((height, width, 3), level, np.uint8), quality=90)


@dataclass
class School:
    """Two servers, a site, and what a camera and a reader of the log would do."""

    frames: LocalValkey
    faces: LocalValkey
    policy: str = "demo"
    max_age_s: float = 30.0
    seq: dict[str, Iterator[int]] = field(
        default_factory=lambda: {camera: itertools.count() for camera in ROOM_OF}
    )

    @property
    def site(self):
        return parse_site(SITE_TEXT.format(policy=self.policy))

    @property
    def settings(self) -> Settings:
        return Settings(
            frames_url=self.frames.url,
            faces_url=self.faces.url,
            frames_kept_s=60,
            max_age_s=self.max_age_s,
            device="cpu",
            threads=1,
        )

    def header(self, camera: str, age_s: float = 0.0, **changes) -> Frame:
        frame = Frame(
            room_id=ROOM_OF[camera],
            camera_id=camera,
            epoch="e1",
            seq=next(self.seq[camera]),
            captured_at=time.time_ns() - int(age_s * 1e9),
            width=32,
            height=24,
        )
        return msgspec.structs.replace(frame, **changes)

    def publish(self, camera: str, level: int = 100, age_s: float = 0.0) -> Frame:
        frame = self.header(camera, age_s)
        self.add(camera, encode(frame, grey_jpeg(level)))
        return frame

    def add(self, camera: str, fields: dict[bytes, bytes]) -> str:
        with self.frames.client() as client:
            return client.xadd(frames_stream(camera), fields).decode()

    def records(self) -> list[FrameFaces]:
        found: list[FrameFaces] = []
        with self.faces.client() as client:
            for room in ("r1", "r2"):
                for _, fields in client.xrange(faces_stream(room)):
                    message = messages.decode_room_message(fields)
                    assert isinstance(message, FrameFaces)
                    assert message.room_id == room
                    found.append(message)
        return found

    def wait_for_records(self, n: int) -> list[FrameFaces]:
        wait_until(lambda: len(self.records()) >= n, f"{n} records")
        return self.records()

    def dead_letters(self) -> list[dict[bytes, bytes]]:
        with self.faces.client() as client:
            return [fields for _, fields in client.xrange(dead_stream())]

    def pending(self) -> int:
        with self.frames.client() as client:
            return sum(
                client.xpending(frames_stream(camera), GROUP_WORKERS)["pending"]
                for camera in ROOM_OF
            )

    def consumers(self, camera: str = "c1") -> list[str]:
        with self.frames.client() as client:
            found = client.xinfo_consumers(frames_stream(camera), GROUP_WORKERS)
        return [consumer["name"].decode() for consumer in found]

    @contextmanager
    def worker(self, analyzer=None, **options) -> Iterator[RunningWorker]:
        running = RunningWorker(self, analyzer or StandInAnalyzer(), options)
        running.thread.start()
        try:
            yield running
        finally:
            running.end()


class RunningWorker:
    """`run_worker` in a thread; an exception in it fails the test."""

    def __init__(self, school: School, analyzer, options) -> None:
        self.school, self.analyzer, self.options = school, analyzer, options
        self.stop = threading.Event()
        self.metrics = WorkerMetrics(CollectorRegistry())
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            run_worker(
                self.school.site,
                self.school.settings,
                analyzer=self.analyzer,
                stop=self.stop,
                metrics=self.metrics,
                **self.options,
            )
        except Exception as exc:
            self.error = exc

    def end(self) -> None:
        self.stop.set()
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive(), "the worker did not end"
        if self.error is not None:
            raise self.error

    @property
    def ready(self) -> bool:
        return self.metrics.ready._value.get() == 1


def identities(records) -> list[tuple[str, str, int]]:
    return sorted((record.camera_id, record.epoch, record.seq) for record in records)
