"""Readers that hang or die, cameras that would flood the log, servers that need a rest."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from ingest.backoff import Backoff
from ingest.camera_spec import CameraSpec
from ingest.camera_state import CameraState
from ingest.groups.running_reader import RunningReader
from ingest.minute_log import MinuteLog
from ingest.publisher import ServerRest, kept_frames, with_timeout

NS = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now_ns = 1000 * NS

    def __call__(self) -> int:
        return self.now_ns


class StuckReader:
    """Stands for a reader whose library call never returns."""

    def __init__(self, clock: Clock) -> None:
        self.state = CameraState("r1", "c1", clock)
        self.log = MinuteLog(clock, camera="c1")
        self.promise_s = 12.0
        self.gave_its_word = threading.Event()
        self.released = threading.Event()

    def run(self) -> None:
        self.state.alive(self.promise_s)
        self.gave_its_word.set()
        self.released.wait(30)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stuck(clock: Clock) -> Iterator[StuckReader]:
    reader = StuckReader(clock)
    yield reader
    reader.released.set()


def running(reader: StuckReader, clock: Clock) -> RunningReader:
    spec = CameraSpec(room_id="r1", camera_id="c1", url="rtsp://camera/1")
    rest = ServerRest(Backoff(random.Random(1)), clock)
    return RunningReader(spec, reader, rest, threading.Event(), clock)


def test_a_reader_that_gives_no_sign_of_life_is_overdue(stuck: StuckReader, clock: Clock) -> None:
    reader = running(stuck, clock)
    stuck.gave_its_word.wait(10)
    assert reader.report().overdue_s == 0
    clock.now_ns += 13 * NS

    assert reader.report().overdue_s == pytest.approx(1)


@pytest.mark.parametrize(("promise_s", "limit_s"), [(1, 6), (30, 30)])
def test_a_reader_that_does_not_leave_in_time_is_overdue(
    stuck: StuckReader, clock: Clock, promise_s: float, limit_s: float
) -> None:
    stuck.promise_s = promise_s
    reader = running(stuck, clock)
    stuck.gave_its_word.wait(10)
    reader.leave()
    stuck.state.alive(100)  # a word given later does not count
    clock.now_ns += int((limit_s - 1) * NS)
    assert reader.report().overdue_s == 0
    clock.now_ns += 3 * NS

    assert reader.report().overdue_s == pytest.approx(2)


def test_a_reader_that_died_of_a_bug_is_overdue_and_one_that_left_is_not(
    stuck: StuckReader, clock: Clock
) -> None:
    stuck.released.set()
    reader = running(stuck, clock)
    while reader.is_alive:
        time.sleep(0.001)

    assert reader.report().overdue_s > 0
    reader.leave()
    assert reader.report().overdue_s == 0


def test_a_camera_logs_the_newest_line_once_the_minute_is_over() -> None:
    clock = Clock()
    log = MinuteLog(clock, camera="c1")
    with capture_logs() as logs:
        log.say("The camera gives frames.", "camera_up")
        log.say("The camera is down.", "camera_down", reason="first")
        log.say("The camera is down.", "camera_down", reason="second")
        clock.now_ns += 59 * NS
        log.flush()
        assert [line["action"] for line in logs] == ["camera_up"]
        clock.now_ns += NS
        log.flush()
        log.flush()

    assert [line["action"] for line in logs] == ["camera_up", "camera_down"]
    assert (logs[1]["reason"], logs[1]["lines_left_out"]) == ("second", 1)


def test_a_server_that_fails_is_left_alone_for_a_moment_that_grows_to_two_seconds() -> None:
    clock = Clock()
    rest = ServerRest(Backoff(random.Random(1), first_s=0.25, cap_s=2.0), clock)
    assert not rest.is_on
    rest.failed()
    assert rest.is_on
    clock.now_ns += NS // 4
    assert not rest.is_on
    for _ in range(20):
        rest.failed()
    clock.now_ns += 2 * NS
    assert not rest.is_on
    rest.failed()
    assert rest.is_failing
    rest.worked()
    assert not rest.is_on
    assert not rest.is_failing


@pytest.mark.parametrize(
    ("kept_s", "fps", "frames"), [(4, 5, 20), (4, 2, 8), (4, 0.1, 1), (4, 12.5, 50), (1.1, 5, 6)]
)
def test_a_stream_keeps_the_frames_of_so_many_seconds(
    kept_s: float, fps: float, frames: int
) -> None:
    assert kept_frames(kept_s, fps) == frames


def test_the_servers_url_gets_short_time_outs_unless_it_has_its_own() -> None:
    assert with_timeout("redis://:pw@host:6379/0") == (
        "redis://:pw@host:6379/0?socket_timeout=2.0&socket_connect_timeout=2.0"
    )
    assert with_timeout("unix:///run/redis.sock?db=1&socket_timeout=9") == (
        "unix:///run/redis.sock?db=1&socket_timeout=9&socket_connect_timeout=2.0"
    )
