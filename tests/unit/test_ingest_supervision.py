"""Readers that hang or die, cameras that would flood the log, servers that need a rest."""

from __future__ import annotations

import random
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from ingest.backoff import Backoff
from ingest.camera_state import CameraState
from ingest.errors import ReaderHungError
from ingest.minute_log import MinuteLog
from ingest.publisher import ServerRest, kept_frames, with_timeout
from ingest.supervisor import Supervisor

NS = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now_ns = 1000 * NS

    def __call__(self) -> int:
        return self.now_ns


class StuckReader:
    """Stands for a reader whose library call never returns."""

    def __init__(self, clock: Clock, *, dies: bool = False) -> None:
        self.state = CameraState("r1", "c1", clock)
        self.log = MinuteLog(clock, camera="c1")
        self.released = threading.Event()
        self._clock = clock
        self._dies = dies

    def run(self) -> None:
        if self._dies:
            return
        self.state.alive(-1.0)
        self.released.wait(30)


@pytest.mark.parametrize(("dies", "fault"), [(False, "hangs"), (True, "died")])
def test_a_reader_that_hangs_or_died_ends_the_process(dies: bool, fault: str) -> None:
    clock = Clock()
    reader: Any = StuckReader(clock, dies=dies)
    statuses: Any = SimpleNamespace(report=lambda states: None)
    stop = threading.Event()

    with capture_logs() as logs, pytest.raises(ReaderHungError, match=f"'c1' {fault}"):
        Supervisor([reader], statuses, stop, clock).run()

    reader.released.set()
    assert stop.is_set()  # the other readers end, too
    assert [(line["action"], line["log_level"]) for line in logs] == [("reader_hung", "error")]


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
    rest.worked()
    assert not rest.is_on


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
