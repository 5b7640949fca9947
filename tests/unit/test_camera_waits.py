"""How long a reader waits before it tries its camera again, and when a read was too long."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from ingest.backoff import Backoff
from ingest.camera_spec import CameraSpec
from ingest.camera_state import CameraState
from ingest.errors import CameraError, Cause
from ingest.minute_log import MinuteLog
from ingest.reader import KNOCK_EVERY_S, SILENT_WAIT_S, CameraReader
from ingest.stream.connection import SILENCE_S, Connection
from ingest.stream.frozen import FrozenPicture
from ingest.stream.fuse import Fuse
from ingest.stream.source import HostClocks

NS = 1_000_000_000
SPEC = CameraSpec(room_id="r1", camera_id="c1", url="rtsp://127.0.0.1:1/1")


class Clock:
    """Time that passes only in waits."""

    def __init__(self) -> None:
        self.now_ns = 1000 * NS
        self.host = HostClocks(lambda: self.now_ns, lambda: self.now_ns)

    def pass_s(self, seconds: float) -> None:
        self.now_ns += int(seconds * NS)


class FailingCamera:
    """Fails so many times, each at once, and notes when; then the reader is to stop."""

    def __init__(self, clock: Clock, cause: Cause, tries: int) -> None:
        self._clock = clock
        self._cause: Cause = cause
        self.left = tries
        self.tried_s: list[float] = []

    def frames(self) -> Iterator[Any]:
        self.left -= 1
        self.tried_s.append(self._clock.now_ns / NS)
        raise CameraError("it failed", self._cause)
        yield

    @property
    def waits_s(self) -> list[float]:
        return [b - a for a, b in zip(self.tried_s, self.tried_s[1:], strict=False)]


def tried(cause: Cause, tries: int) -> FailingCamera:
    clock = Clock()
    camera = FailingCamera(clock, cause, tries)

    def wait(seconds: float) -> bool:
        clock.pass_s(seconds)
        return camera.left <= 0

    state = CameraState("r1", "c1", clock.host.monotonic_ns)
    CameraReader(
        source=camera,
        spec=SPEC,
        state=state,
        publisher=None,  # no frame comes
        log=MinuteLog(clock.host.monotonic_ns),
        backoff=Backoff(random.Random(1)),
        clocks=clock.host,
        wait=wait,
        jpeg_quality=85,
    ).run()
    return camera


def knocking_finds(monkeypatch: pytest.MonkeyPatch, *answers: bool) -> None:
    """These in turn, for ever."""
    found = itertools.cycle(answers)
    monkeypatch.setattr("ingest.reader.answers_knock", lambda _url: next(found))


def test_waits_grow_while_a_camera_answers_and_fails(monkeypatch):
    knocking_finds(monkeypatch, True)
    waits = tried("busy", 9).waits_s
    assert waits[0] <= 1
    assert 15 <= waits[-1] <= 30


def test_a_camera_that_was_away_is_tried_as_soon_as_it_answers(monkeypatch):
    knocking_finds(monkeypatch, False)
    assert tried("unreachable", 9).waits_s[-1] >= 15
    # Away when the wait begins, and back at the first look after that.
    knocking_finds(monkeypatch, False, True)
    assert max(tried("unreachable", 9).waits_s) <= KNOCK_EVERY_S


def test_a_silent_camera_is_tried_again_soon_for_each_try_waits_for_it(monkeypatch):
    knocking_finds(monkeypatch, True)
    assert max(tried("silent", 9).waits_s) <= SILENT_WAIT_S


def test_a_picture_that_ffmpeg_held_back_does_not_prolong_the_silence():
    """After its time-out a read first gives what the parser had, then the error."""
    clock = Clock()
    packet = SimpleNamespace(
        size=100,
        pts=None,
        time_base=Fraction(1, 90_000),
        is_keyframe=False,
        decode=list,
        has_sidedata=lambda _kind: False,
    )

    def demux(_stream: object) -> Iterator[Any]:
        yield packet
        clock.pass_s(0.04)
        yield packet
        clock.pass_s(SILENCE_S + 0.01)
        yield packet
        raise AssertionError("the connection went on reading")

    packets = demux(None)
    context = SimpleNamespace(name="h264", is_hwaccel=False)
    stream = SimpleNamespace(codec_context=context, thread_type="")
    container = SimpleNamespace(
        streams=SimpleNamespace(video=[stream]),
        format=SimpleNamespace(name="rtsp"),
        demux=lambda _stream: packets,
    )
    state = CameraState("r1", "c1", clock.host.monotonic_ns)
    fuse = Fuse(clock.host.monotonic_ns)
    fuse.light(SILENCE_S)
    connection = Connection(
        container,
        SPEC,
        state,
        fuse=fuse,
        frozen=FrozenPicture(),
        clocks=clock.host,
        wait=lambda _s: False,
        by_arrival=False,
    )
    with pytest.raises(CameraError) as caught:
        list(connection.frames())
    assert caught.value.cause == "silent"
    assert state.report().packets == 2
