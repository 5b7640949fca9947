"""The worker against a real Valkey: every frame gets its record, whatever happens on the way."""

from __future__ import annotations

import itertools
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec
import numpy as np
import pytest
import simplejpeg
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from schemas import messages
from schemas.messages import Frame, FrameFaces, encode
from schemas.settings import Settings
from schemas.site_file import parse_site
from schemas.streams import GROUP_WORKERS, dead_stream, faces_stream, frames_stream
from tests.fixtures_analyzer import StandInAnalyzer
from tests.fixtures_worker import LocalValkey, work_without_ever_finishing
from workers.metrics import WorkerMetrics
from workers.runner import Tuning, run_worker

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


@pytest.fixture(scope="module")
def two_servers() -> Iterator[tuple[LocalValkey, LocalValkey]]:
    with LocalValkey() as frames, LocalValkey() as faces:
        yield frames, faces


@pytest.fixture
def school(two_servers) -> School:
    for server in two_servers:
        with server.client() as client:
            client.flushall()
    return School(*two_servers)


def identities(records) -> list[tuple[str, str, int]]:
    return sorted((record.camera_id, record.epoch, record.seq) for record in records)


def test_every_frame_of_every_camera_gets_one_record_and_is_acknowledged(school):
    with school.worker() as worker:
        sent = [school.publish(camera, level=60) for camera in ("c1", "c2", "c3", "c1", "c1", "c3")]
        records = school.wait_for_records(len(sent))
        wait_until(lambda: school.pending() == 0, "all acknowledgements")
    assert identities(records) == identities(sent)
    assert {record.outcome for record in records} == {"analysed"}
    assert {record.model_version for record in records} == {"stand-in-1"}
    assert all(record.faces[0].box_xyxy[2] == pytest.approx(60, abs=2) for record in records)
    assert all(record.analysed_at >= record.captured_at for record in records)
    assert max(worker.analyzer.batch_sizes) <= 2


def test_frames_from_before_the_worker_was_there_are_not_forgotten(school):
    sent = [school.publish("c1") for _ in range(9)]
    with school.worker() as worker:
        records = school.wait_for_records(9)
    assert identities(records) == identities(sent)
    assert max(worker.analyzer.batch_sizes) <= 2


def test_an_old_frame_expires_with_a_record(school):
    school.max_age_s = 3.0
    with school.worker() as worker:
        school.publish("c1", age_s=3.5)
        (record,) = school.wait_for_records(1)
        wait_until(lambda: school.pending() == 0, "the acknowledgement")
    assert (record.outcome, record.faces) == ("expired", ())
    assert worker.analyzer.batch_sizes == []
    assert school.dead_letters() == []


def test_bad_input_becomes_dead_letters_without_pictures_and_nothing_else_is_lost(school):
    broken = grey_jpeg(80)[:60]
    with school.worker():
        school.add("c1", encode(school.header("c1"), broken))
        school.add("c1", {b"v": b"1", b"kind": b"frame", b"body": b"\xc1", b"jpeg": broken})
        school.add("c2", encode(school.header("c2", camera_id="c9"), grey_jpeg(80)))
        good = [school.publish("c1"), school.publish("c3")]
        records = school.wait_for_records(3)
        wait_until(lambda: len(school.dead_letters()) == 3, "three dead letters")
        wait_until(lambda: school.pending() == 0, "all acknowledgements")
    assert identities(r for r in records if r.outcome == "analysed") == identities(good)
    assert [(r.camera_id, r.seq) for r in records if r.outcome == "dead"] == [("c1", 0)]
    text = repr(school.dead_letters())
    assert "unknown camera 'c9'" in text
    for letter in school.dead_letters():
        assert not any(broken in value for value in letter.values())


def test_a_poison_picture_is_dead_and_its_neighbours_are_analysed(school):
    school.publish("c1", level=50)
    school.publish("c1", level=255)
    school.publish("c1", level=70)
    with school.worker():
        records = school.wait_for_records(3)
    outcomes = {record.seq: record.outcome for record in records}
    assert outcomes == {0: "analysed", 1: "dead", 2: "analysed"}
    assert len(school.dead_letters()) == 1


@pytest.mark.parametrize("overlap", [False, True])
def test_a_stop_finishes_what_is_in_hand_and_leaves_the_group(school, overlap):
    go_on = threading.Event()
    analyzer = StandInAnalyzer(before=lambda images: go_on.wait(WAIT_S))
    with school.worker(analyzer, tuning=Tuning(overlap=overlap)) as worker:
        school.publish("c1")
        assert analyzer.started.wait(WAIT_S)
        assert len(school.consumers()) == 1
        worker.stop.set()
        go_on.set()
    assert len(school.records()) == 1
    assert school.pending() == 0
    assert school.consumers() == []


def test_while_the_faces_server_is_away_results_are_kept_and_acknowledged_only_after(school):
    go_on = threading.Event()
    analyzer = StandInAnalyzer(before=lambda images: go_on.wait(WAIT_S))
    with school.worker(analyzer) as worker:
        sent = [school.publish("c1")]
        assert analyzer.started.wait(WAIT_S)
        school.faces.stop()
        go_on.set()
        wait_until(lambda: not worker.ready, "the worker to notice")
        assert school.pending() == 1
        sent.append(school.publish("c1"))
        school.faces.start()
        records = school.wait_for_records(2)
        wait_until(lambda: school.pending() == 0, "all acknowledgements")
        wait_until(lambda: worker.ready, "the worker to be ready again")
    assert identities(records) == identities(sent)


def test_a_frames_server_that_restarts_empty_is_used_again_by_itself(school):
    with school.worker() as worker:
        school.publish("c1")
        school.wait_for_records(1)
        school.frames.stop()
        wait_until(lambda: not worker.ready, "the worker to notice")
        school.frames.start()
        sent = [school.publish("c1"), school.publish("c3")]
        records = school.wait_for_records(3)
    assert identities(records)[1:] == identities(sent)


@pytest.mark.parametrize("overlap", [False, True])
def test_a_stop_while_the_frames_server_is_away_ends_without_an_error(school, overlap):
    try:
        with school.worker(tuning=Tuning(overlap=overlap)) as worker:
            wait_until(lambda: worker.ready, "the worker to be ready")
            school.frames.stop()
            wait_until(lambda: not worker.ready, "the worker to notice")
    finally:
        school.frames.start()


def test_a_flushed_frames_server_gets_its_groups_again(school):
    with school.worker():
        school.publish("c1")
        school.wait_for_records(1)
        with school.frames.client() as client:
            client.flushall()
        school.publish("c2")
        assert len(school.wait_for_records(2)) == 2


def test_a_worker_in_the_middle_of_a_long_analysis_keeps_its_frames(school):
    go_on = threading.Event()
    slow = StandInAnalyzer(before=lambda images: go_on.wait(WAIT_S))
    quick = StandInAnalyzer()
    with school.worker(slow):
        school.publish("c1")
        assert slow.started.wait(WAIT_S)
        (owner,) = school.consumers()
        with school.worker(quick):
            patience = time.monotonic() + 3.0  # a second more than a dead worker's frames wait
            while time.monotonic() < patience:
                with school.frames.client() as client:
                    (entry,) = client.xpending_range(
                        frames_stream("c1"), GROUP_WORKERS, "-", "+", 10
                    )
                assert entry["consumer"].decode() == owner
                assert entry["time_since_delivered"] < 2000
                time.sleep(0.05)
            go_on.set()
            school.wait_for_records(1)
    assert quick.batch_sizes == []
    assert len(school.records()) == 1


def take_as_a_dead_worker(school: School, camera: str, deliveries: int = 1) -> None:
    """Deliver all new frames of `camera` to a consumer that will never answer."""
    with school.frames.client() as client:
        stream = frames_stream(camera)
        ((_, entries),) = client.xreadgroup(GROUP_WORKERS, "dead-1", {stream: ">"})
        for entry_id, _ in entries:
            client.xclaim(stream, GROUP_WORKERS, "dead-1", 0, [entry_id], retrycount=deliveries)


def groups_for(school: School) -> None:
    with school.frames.client() as client:
        for camera in ROOM_OF:
            client.xgroup_create(frames_stream(camera), GROUP_WORKERS, id="0", mkstream=True)


def test_the_frames_of_a_dead_worker_are_taken_over(school):
    groups_for(school)
    sent = [school.publish("c1") for _ in range(3)]
    take_as_a_dead_worker(school, "c1")
    with school.worker() as worker:
        records = school.wait_for_records(3)
        wait_until(lambda: school.pending() == 0, "all acknowledgements")
    assert identities(records) == identities(sent)
    assert worker.analyzer.batch_sizes == [1, 1, 1]  # one at a time: one of them may be the killer


def test_a_killed_process_loses_no_frame(school):
    hanging = multiprocessing.get_context("spawn").Process(
        target=work_without_ever_finishing,
        args=(SITE_TEXT.format(policy="demo"), school.frames.url, school.faces.url),
    )
    sent = [school.publish("c1"), school.publish("c3")]
    groups_for(school)
    hanging.start()
    try:
        wait_until(lambda: school.pending() == 2, "the process to take the frames")
    finally:
        hanging.kill()
        hanging.join(WAIT_S)
    with school.worker():
        records = school.wait_for_records(2)
        wait_until(lambda: school.pending() == 0, "all acknowledgements")
    assert identities(records) == identities(sent)


def test_a_frame_that_killed_three_workers_is_given_up(school):
    groups_for(school)
    school.publish("c1")
    take_as_a_dead_worker(school, "c1", deliveries=3)
    with school.worker() as worker:
        (record,) = school.wait_for_records(1)
        wait_until(lambda: school.pending() == 0, "the acknowledgement")
    assert (record.outcome, worker.analyzer.batch_sizes) == ("dead", [])
    assert "gave up after 3 deliveries" in repr(school.dead_letters())


def test_trimmed_frames_of_a_dead_worker_are_swept(school):
    groups_for(school)
    for _ in range(5):
        school.publish("c1")
    take_as_a_dead_worker(school, "c1")
    with school.frames.client() as client:
        client.xtrim(frames_stream("c1"), maxlen=0, approximate=False)
    assert school.pending() == 5
    with school.worker():
        wait_until(lambda: school.pending() == 0, "the sweep")
    assert school.records() == []


def test_newer_frames_are_not_acknowledged_and_the_other_cameras_go_on(school):
    with school.worker() as worker, capture_logs() as logs:
        wait_until(lambda: worker.ready, "the worker to be ready")
        newer = encode(school.header("c1"), grey_jpeg(90)) | {messages.FIELD_VERSION: b"2"}
        school.add("c1", newer)
        wait_until(lambda: not worker.ready, "the worker to turn unready")
        sent = school.publish("c3")
        records = school.wait_for_records(1)
        assert school.pending() == 1
    assert identities(records) == identities([sent])
    assert school.dead_letters() == []
    assert "newer_message" in {log["action"] for log in logs}


def test_under_a_locked_profile_no_expression_leaves_the_worker(school):
    school.policy = "eu"
    with school.worker(StandInAnalyzer(expression=True)):
        school.publish("c1")
        (record,) = school.wait_for_records(1)
    assert record.faces[0].expression is None


def test_where_policy_permits_expressions_travel(school):
    with school.worker(StandInAnalyzer(expression=True)):
        school.publish("c1")
        (record,) = school.wait_for_records(1)
    assert record.faces[0].expression[0] == 1.0
