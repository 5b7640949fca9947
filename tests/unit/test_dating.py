"""Dating a connection's packets, with a stream's time stamps and without."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from ingest.errors import TimeBreakError
from ingest.stream.dating import Dating, StandstillError
from ingest.stream.timestamps import NS

START_NS = 1_790_000_000 * NS
FRAME_NS = NS // 25
TICKS = 90_000


def packet(pts: int | None) -> av.Packet:
    made = av.Packet(b"x")
    made.time_base = Fraction(1, TICKS)
    made.pts = made.dts = pts
    return made


def image(pts: int | None) -> av.VideoFrame:
    made = av.VideoFrame.from_ndarray(np.zeros((2, 2, 3), np.uint8), format="rgb24")
    made.time_base = Fraction(1, TICKS)
    made.pts = pts
    return made


def test_a_stream_with_time_stamps_is_dated_by_them() -> None:
    dating = Dating()
    times = []
    for i in range(50):
        arrival_ns = START_NS + i * FRAME_NS + (i % 3) * 1_000_000
        pts_ns = dating.date(packet(i * TICKS // 25), arrival_ns)
        assert pts_ns == i * FRAME_NS
        if (dated := dating.captured_at(image(i * TICKS // 25), arrival_ns)) is not None:
            times.append(dated)

    assert len(times) >= 45
    assert {captured_at - pts_ns for pts_ns, captured_at in times} == {START_NS}


@pytest.mark.parametrize("pts", [None, 0, 12345])
def test_time_stamps_that_stand_still_are_noticed_after_two_seconds(pts: int | None) -> None:
    dating = Dating()
    for i in range(50):
        dating.date(packet(pts), START_NS + i * FRAME_NS)

    with pytest.raises(StandstillError, match="stand still"):
        dating.date(packet(pts), START_NS + 2 * NS)


def test_a_slow_stream_does_not_stand_still() -> None:
    dating = Dating()
    for i in range(20):  # a picture in three seconds
        dating.date(packet(i * 3 * TICKS), START_NS + i * 3 * NS)


def test_one_frame_in_two_packets_is_no_standstill() -> None:
    dating = Dating()
    for i in range(200):
        dating.date(packet(i // 2 * TICKS // 25), START_NS + i * FRAME_NS // 2)


def test_dated_by_arrival_whatever_the_time_stamps_say() -> None:
    dating = Dating(by_arrival=True)
    for i, pts in enumerate([None, 0, 0, 10**9, -5]):
        arrival_ns = START_NS + i * FRAME_NS
        assert dating.date(packet(pts), arrival_ns) == arrival_ns
        assert dating.captured_at(image(pts), arrival_ns) == (arrival_ns, arrival_ns)


def test_dated_by_arrival_time_still_only_increases() -> None:
    dating = Dating(by_arrival=True)
    assert dating.captured_at(image(None), START_NS) is not None
    assert dating.captured_at(image(None), START_NS) is None


def test_a_jump_is_told_by_its_cause() -> None:
    dating = Dating()
    for i in range(100):
        dating.date(packet(i * TICKS // 25), START_NS + i * FRAME_NS)

    with pytest.raises(TimeBreakError) as caught:
        dating.date(packet(3 * 3600 * TICKS), START_NS + 4 * NS)
    assert caught.value.cause == "time_jump"
