from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import TimeBreakError
from ingest.stream.timestamps import NS, AnchoredClock, StreamClock

MS = 1_000_000
FRAME_NS = NS // 25
START_NS = 1_790_000_000 * NS


def run(
    count: int,
    *,
    jitter_ms: float = 0,
    drift_ppm: float = 0,
    frame_ns: int = FRAME_NS,
    seed: int = 1,
) -> list[tuple[int, int]]:
    """(true capture time, captured_at) of a camera whose packets come late by random jitter."""
    rng = random.Random(seed)
    clock = StreamClock()
    mapped = []
    arrival = 0
    for i in range(count):
        true_ns = START_NS + i * frame_ns
        pts_ns = int(i * frame_ns * (1 + drift_ppm / 1e6))
        arrival = max(arrival, true_ns + int(rng.random() * jitter_ms * MS))  # TCP keeps order
        clock.observe(pts_ns, arrival)
        captured_at = clock.captured_at(pts_ns)
        if captured_at is not None:
            mapped.append((true_ns, captured_at))
    return mapped


@settings(max_examples=25, deadline=None)
@given(
    jitter_ms=st.floats(0, 80),
    drift_ppm=st.floats(-200, 200),
    seed=st.integers(0, 2**16),
)
def test_jitter_and_drift_do_not_move_time_stamps(
    jitter_ms: float, drift_ppm: float, seed: int
) -> None:
    mapped = run(25 * 180, jitter_ms=jitter_ms, drift_ppm=drift_ppm, seed=seed)

    errors_ms = [(captured - true) / MS for true, captured in mapped]
    # 60 s of window at 200 ppm are 12 ms.
    assert max(errors_ms) <= jitter_ms + 13
    assert min(errors_ms) >= -13
    settled = errors_ms[25 * 120 :]
    assert max(settled) <= 13 + min(jitter_ms, 10)


@pytest.mark.parametrize("drift_ppm", [-200, 200])
def test_two_days_of_a_clock_200_ppm_off_stay_within_100_ms(drift_ppm: float) -> None:
    mapped = run(48 * 3600 * 5, jitter_ms=50, drift_ppm=drift_ppm, frame_ns=NS // 5)

    assert max(abs(captured - true) for true, captured in mapped) < 100 * MS


@settings(max_examples=50, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(1, 200), st.integers(0, 3000)), min_size=2, max_size=200)
)
def test_captured_at_strictly_increases_whatever_the_network_does(
    steps: list[tuple[int, int]],
) -> None:
    clock = StreamClock()
    pts_ns = arrival_ns = 0
    times = []
    for pts_step_ms, wait_ms in steps:
        pts_ns += pts_step_ms * MS
        arrival_ns += wait_ms * MS
        try:
            clock.observe(pts_ns, arrival_ns)
        except TimeBreakError:
            break
        captured_at = clock.captured_at(pts_ns)
        if captured_at is not None:
            times.append(captured_at)

    assert all(a < b for a, b in itertools.pairwise(times))


def test_the_offset_is_slewed_by_at_most_a_millisecond_a_second() -> None:
    mapped = run(25 * 60, jitter_ms=60)

    for (true_a, a), (true_b, b) in itertools.pairwise(mapped):
        step = (b - a) - (true_b - true_a)
        assert abs(step) <= (true_b - true_a) // 1000 + 1


def test_held_back_packets_at_the_start_do_not_make_times_late() -> None:
    """A server that sends its last 2 s at once, then live."""
    clock = StreamClock()
    first_mapped = None
    for i in range(100):
        true_ns = START_NS + i * FRAME_NS
        arrival_ns = max(true_ns, START_NS + 50 * FRAME_NS + i * MS)
        clock.observe(i * FRAME_NS, arrival_ns)
        captured_at = clock.captured_at(i * FRAME_NS)
        if captured_at is not None:
            first_mapped = first_mapped or i
            assert abs(captured_at - true_ns) < 60 * MS

    assert first_mapped is not None
    assert 48 <= first_mapped <= 56


def test_a_machine_that_starts_behind_the_stream_catches_up_on_one_connection() -> None:
    """It reads its first seconds 3 s late and at half the speed, then as fast as it can."""
    clock = StreamClock()
    read_ns = START_NS + 3 * NS
    errors_ms = []
    for i in range(25 * 60):
        true_ns = START_NS + i * FRAME_NS
        read_ns = max(true_ns, read_ns + (2 * FRAME_NS if i < 60 else FRAME_NS // 10))
        clock.observe(i * FRAME_NS, read_ns)
        captured_at = clock.captured_at(i * FRAME_NS)
        if captured_at is not None:
            errors_ms.append((captured_at - true_ns) / MS)

    assert max(errors_ms) > 2000  # it did begin with wrong times
    assert abs(errors_ms[-1]) <= 100


def test_a_jump_ahead_is_one_in_the_first_seconds_too() -> None:
    clock = StreamClock()
    for i in range(25):
        clock.observe(i * FRAME_NS, START_NS + i * FRAME_NS)

    with pytest.raises(TimeBreakError, match="jumped ahead"):
        clock.observe(25 * FRAME_NS + 2 * NS, START_NS + 25 * FRAME_NS)


def test_a_stream_that_runs_twice_as_fast_is_not_followed_into_the_future() -> None:
    clock = StreamClock()
    errors_ms = []

    def run_fast() -> None:
        for i in range(25 * 120):
            clock.observe(i * 2 * FRAME_NS, START_NS + i * FRAME_NS)
            captured_at = clock.captured_at(i * 2 * FRAME_NS)
            if captured_at is not None:
                errors_ms.append((captured_at - START_NS - i * FRAME_NS) / MS)

    with pytest.raises(TimeBreakError, match="jumped ahead"):
        run_fast()
    assert max(errors_ms) < 1100


def test_b_frames_in_the_first_burst_do_not_end_it() -> None:
    clock = StreamClock()
    for i, pts in enumerate([0, 3, 1, 2, 6, 4, 5, 9, 7, 8]):
        clock.observe(pts * FRAME_NS, START_NS + i * MS)

    assert clock.offset_ns is None


def test_frames_without_pts_and_repeated_pts_are_left_out() -> None:
    clock = StreamClock()
    for i in range(3):
        clock.observe(i * FRAME_NS, START_NS + i * FRAME_NS)

    assert clock.captured_at(None) is None
    assert clock.captured_at(2 * FRAME_NS) == START_NS + 2 * FRAME_NS
    assert clock.captured_at(2 * FRAME_NS) is None
    assert clock.captured_at(1 * FRAME_NS) is None


@pytest.mark.parametrize(
    ("pts_s", "text"),
    [(3600.0, "jumped ahead by 35"), (0.5, "jumped back by 9"), (-40, "jumped back by 50.0")],
)
def test_a_pts_jump_asks_for_a_new_epoch(pts_s: float, text: str) -> None:
    clock = StreamClock()
    for i in range(250):
        clock.observe(i * FRAME_NS, START_NS + i * FRAME_NS)

    with pytest.raises(TimeBreakError, match=text):
        clock.observe(int(pts_s * NS), START_NS + 250 * FRAME_NS)


def test_a_burst_after_a_stall_is_no_jump() -> None:
    clock = StreamClock()
    for i in range(100):
        clock.observe(i * FRAME_NS, START_NS + i * FRAME_NS)
    before = clock.offset_ns
    for i in range(100, 200):  # 4 s held back, then all at once
        clock.observe(i * FRAME_NS, START_NS + 200 * FRAME_NS)
        clock.captured_at(i * FRAME_NS)

    assert clock.offset_ns == before


def test_a_stream_that_lags_ever_further_asks_for_a_new_epoch() -> None:
    clock = StreamClock()

    def read_at_two_thirds_of_the_speed() -> None:
        for i in range(2000):
            clock.observe(i * FRAME_NS, START_NS + int(i * FRAME_NS * 1.5))

    with pytest.raises(TimeBreakError, match="lags 10 s behind"):
        read_at_two_thirds_of_the_speed()


class HostClock:
    """A host whose UTC clock can be stepped."""

    def __init__(self) -> None:
        self.monotonic = 5 * NS
        self.utc = START_NS

    def pass_ns(self, ns: int) -> None:
        self.monotonic += ns
        self.utc += ns


@pytest.mark.parametrize("step_s", [5.0, -5.0, 0.2])
def test_a_step_of_the_host_clock_does_not_move_time_but_asks_for_a_new_epoch(
    step_s: float,
) -> None:
    host = HostClock()
    clock = AnchoredClock(lambda: host.monotonic, lambda: host.utc)
    host.pass_ns(3 * NS)
    clock.check_step()
    host.utc += int(step_s * NS)

    assert clock.now_ns() == START_NS + 3 * NS
    with pytest.raises(TimeBreakError, match=r"clock was stepped by [+-]"):
        clock.check_step()


def test_a_small_correction_of_the_host_clock_is_no_step() -> None:
    host = HostClock()
    clock = AnchoredClock(lambda: host.monotonic, lambda: host.utc)
    host.utc += 50 * MS

    clock.check_step()
