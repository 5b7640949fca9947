"""A group's readers as orders come: real threads that read nothing, statuses that a test sees."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import msgspec
import pytest

from ingest.backoff import Backoff
from ingest.camera_spec import CameraSpec
from ingest.camera_state import CameraState
from ingest.groups.group import GOODBYES, CameraGroup
from ingest.groups.protocol import Order
from ingest.groups.running_reader import RunningReader
from ingest.minute_log import MinuteLog
from ingest.publisher import ServerRest

OFFSET_MS = 12


class QuietReader:
    """Reads nothing until it is stopped, or while it is held."""

    def __init__(self, state: CameraState, stop: threading.Event, held: threading.Event) -> None:
        self.state = state
        self.log = MinuteLog(time.monotonic_ns)
        self._stop = stop
        self._held = held

    def run(self) -> None:
        self._stop.wait()
        self._held.wait()


class Build:
    """In the place of `ReaderFactory`; `hold` lets readers hang in their library."""

    def __init__(self) -> None:
        self.held = threading.Event()
        self.held.set()
        self.started: list[tuple[CameraSpec, CameraState]] = []

    def state(self, spec: CameraSpec) -> CameraState:
        return CameraState(spec.room_id, spec.camera_id, time.monotonic_ns)

    def start(self, spec: CameraSpec, state: CameraState, number: int) -> RunningReader:
        self.started.append((spec, state))
        stop = threading.Event()
        rest = ServerRest(Backoff(random.Random(1)), time.monotonic_ns)
        reader = QuietReader(state, stop, self.held)
        return RunningReader(spec, reader, rest, stop, time.monotonic_ns, number)


class Statuses:
    """In the place of `StatusPublisher`."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, dict[str, int]]] = []  # camera, reason, ended
        self.goodbyes: list[str] = []
        self.is_failing = False

    def report(self, state: CameraState, clock_offset_ms: int | None) -> bool:
        assert clock_offset_ms == OFFSET_MS
        if self.is_failing:
            return False
        status = state.take_status(1)
        self.said.append((status.camera_id, status.reason, status.ended))
        if state.ended:
            self.goodbyes.append(status.camera_id)
        return state.ended


@pytest.fixture
def build() -> Iterator[Build]:
    build = Build()
    yield build
    build.held.set()


@pytest.fixture
def statuses() -> Statuses:
    return Statuses()


@pytest.fixture
def group(build: Build, statuses: Statuses) -> Iterator[CameraGroup]:
    group = CameraGroup(build, statuses, lambda: OFFSET_MS, time.monotonic_ns)
    yield group
    build.held.set()
    group.shut_down()


def spec(camera: str, fps: float = 5.0) -> CameraSpec:
    return CameraSpec(room_id="r1", camera_id=camera, url="rtsp://camera/1", analysis_fps=fps)


def order(*specs: CameraSpec) -> Order:
    return Order(cameras=specs)


def started(build: Build) -> list[tuple[str, float]]:
    return [(spec.camera_id, spec.analysis_fps) for spec, _ in build.started]


def shown(group: CameraGroup) -> list[str]:
    return [camera.camera_id for camera in group.report().cameras]


def tick_until(group: CameraGroup, cameras: list[str], started_in_all: int, build: Build) -> None:
    deadline_s = time.monotonic() + 10
    while shown(group) != cameras or len(build.started) != started_in_all:
        assert time.monotonic() < deadline_s
        group.tick()
        time.sleep(0.001)


def test_an_order_starts_what_is_new_and_leaves_the_rest_alone(
    group: CameraGroup, build: Build
) -> None:
    group.follow(order(spec("a")))
    group.follow(order(spec("a"), spec("b")))
    group.follow(order(spec("a"), spec("b")))
    group.tick()

    assert started(build) == [("a", 5), ("b", 5)]
    assert group.report().readers == {"a": 1, "b": 1}


def test_a_removed_camera_is_ended_and_told_once(
    group: CameraGroup, build: Build, statuses: Statuses
) -> None:
    group.follow(order(spec("a"), spec("b")))
    group.follow(order(spec("a")))
    tick_until(group, ["a"], 2, build)
    for _ in range(3):
        group.tick()

    assert statuses.goodbyes == ["b"]
    assert [s for s in statuses.said if s[0] == "b"][-1] == (
        "b",
        "the camera was removed from the site file",
        {},
    )


def test_a_changed_camera_is_read_anew_once_its_reader_has_left_and_its_stream_goes_on(
    group: CameraGroup, build: Build, statuses: Statuses
) -> None:
    build.held.clear()
    group.follow(order(spec("a"), spec("b")))
    group.follow(order(spec("a", fps=10), spec("b")))
    for _ in range(3):
        group.tick()
    assert started(build) == [("a", 5), ("b", 5)]  # the old reader still hangs in its library

    build.held.set()
    tick_until(group, ["b", "a"], 3, build)
    group.tick()
    assert started(build)[-1] == ("a", 10)
    assert build.started[-1][1] is build.started[0][1]  # its counters go on
    assert group.report().readers == {"a": 1, "b": 1}
    assert ("a", "the camera was changed in the site file", {}) in statuses.said
    assert statuses.goodbyes == []  # to end a stream may end a lesson


def test_a_camera_that_goes_into_another_room_leaves_its_old_one(
    group: CameraGroup, build: Build, statuses: Statuses
) -> None:
    group.follow(order(spec("a")))
    other = msgspec.structs.replace(spec("a"), room_id="r2")
    group.follow(order(other))
    tick_until(group, ["a"], 2, build)
    group.tick()

    assert [state.room_id for _, state in build.started] == ["r1", "r2"]
    assert group.report().readers == {"a": 2}
    assert statuses.goodbyes == ["a"]


def test_a_new_reader_is_not_held_to_the_word_of_the_old_one(
    group: CameraGroup, build: Build
) -> None:
    group.follow(order(spec("a")))
    build.started[0][1].alive(-100)
    group.follow(order(spec("a", fps=10)))
    tick_until(group, ["a"], 2, build)

    assert group.report().cameras[0].overdue_s == 0


def test_a_camera_that_is_put_back_while_its_reader_leaves_is_read_again(
    group: CameraGroup, build: Build
) -> None:
    build.held.clear()
    group.follow(order(spec("a")))
    group.follow(order())
    group.follow(order(spec("a")))
    build.held.set()

    tick_until(group, ["a"], 2, build)


def test_a_camera_that_came_from_another_process_tells_how_that_ended(
    group: CameraGroup, build: Build, statuses: Statuses
) -> None:
    handed = Order(cameras=(spec("a"), spec("b")), ended={"a": {"hung": 1, "crashed": 2}})
    group.follow(handed)
    group.tick()
    group.follow(handed)  # the service has not heard yet that it was told
    group.tick()

    told = [ended for camera, _, ended in statuses.said if camera == "a"]
    assert told == [{"hung": 1, "crashed": 2}, {}]
    assert [ended for camera, _, ended in statuses.said if camera == "b"] == [{}, {}]
    reason = "the process that read this camera was replaced"
    assert [reason for camera, reason, _ in statuses.said if camera == "a"] == [reason, reason]


def test_a_film_that_ended_says_no_more_and_stays_in_the_report(
    group: CameraGroup, build: Build, statuses: Statuses
) -> None:
    group.follow(order(spec("a"), spec("b")))
    build.started[0][1].end("the film has ended")
    for _ in range(3):
        group.tick()

    assert [camera for camera, _, _ in statuses.said] == ["a", "b", "b", "b"]
    assert shown(group) == ["a", "b"]
    assert group.report().finished == ("a",)
    group.follow(order(spec("b")))
    tick_until(group, ["b"], 2, build)
    assert statuses.goodbyes == ["a"]
    assert group.report().finished == ()


def test_a_goodbye_waits_for_the_faces_server_but_not_for_ever(
    group: CameraGroup, build: Build, statuses: Statuses
) -> None:
    group.follow(order(spec("a"), spec("b")))
    statuses.is_failing = True
    group.follow(order(spec("b")))
    tick_until(group, ["b"], 2, build)
    assert group.report().servers_away == ("faces",)
    statuses.is_failing = False
    group.tick()
    assert statuses.goodbyes == ["a"]

    statuses.is_failing = True
    group.follow(order())
    tick_until(group, [], 2, build)
    for _ in range(GOODBYES):
        group.tick()
    statuses.is_failing = False
    group.tick()
    assert statuses.goodbyes == ["a"]


def test_at_the_end_every_stream_is_ended(
    group: CameraGroup, build: Build, statuses: Statuses
) -> None:
    group.follow(order(spec("a"), spec("b")))
    stop = threading.Event()
    stop.set()
    group.run(stop, lambda: None)
    assert statuses.goodbyes == []
    group.shut_down()

    assert statuses.goodbyes == ["a", "b"]
    assert {reason for _, reason, _ in statuses.said} == {"ingest was shut down"}
