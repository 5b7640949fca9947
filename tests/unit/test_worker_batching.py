"""A worker takes no more than its batch, waits no longer than it says, and forgets no stream."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.batching import BatchLimits, BatchReader, KeyRotation


@dataclass
class TurnedClock:
    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class SimulatedStreams:
    """Streams of numbers with `read_group`'s rule: at most `count` in all, in the order given."""

    clock: TurnedClock
    waiting: dict[str, deque[int]] = field(default_factory=lambda: defaultdict(deque))
    arrivals: list[tuple[float, str, int]] = field(default_factory=list)
    most_in_one_read: int = 0
    blocks_ms: list[int] = field(default_factory=list)

    def read(self, streams, count, block_ms):
        self._arrive()
        got = self._take(streams, count)
        if not got and block_ms is not None:
            self.blocks_ms.append(block_ms)
            got = self._sleep(streams, count, block_ms / 1000)
        self.most_in_one_read = max(self.most_in_one_read, len(got))
        return got

    def _sleep(self, streams, count, block_s):
        wakes = [at for at, stream, _ in self.arrivals if stream in streams]
        until = self.clock.now_s + block_s
        if wakes and min(wakes) <= until:
            self.clock.now_s = max(self.clock.now_s, min(wakes))
            self._arrive()
            return self._take(streams, count)
        self.clock.now_s = until
        return []

    def _arrive(self):
        for arrival in sorted(self.arrivals):
            if arrival[0] <= self.clock.now_s:
                self.arrivals.remove(arrival)
                self.waiting[arrival[1]].append(arrival[2])

    def _take(self, streams, count):
        got = []
        each = max(1, count // len(streams))
        for stream in streams:
            queue = self.waiting[stream]
            free = min(each, count - len(got), len(queue))
            got += [(stream, queue.popleft()) for _ in range(free)]
        return got


def reader_over(names, limits, clock):
    rotation = KeyRotation(names, clock)
    return BatchReader(rotation, limits, clock), rotation


def test_hundred_backlogged_streams_give_one_batch_and_not_a_hundred_frames():
    clock = TurnedClock()
    names = [f"cam-{i}" for i in range(100)]
    streams = SimulatedStreams(clock)
    for name in names:
        streams.waiting[name].extend(range(20))
    reader, _ = reader_over(names, BatchLimits(max_frames=8), clock)
    assert len(reader.collect(streams.read)) == 8
    assert clock.now_s == 0.0  # nothing to wait for


def test_a_full_round_serves_every_backlogged_stream_alike():
    clock = TurnedClock()
    names = [f"cam-{i}" for i in range(12)]
    streams = SimulatedStreams(clock)
    for name in names:
        streams.waiting[name].extend(range(50))
    reader, _ = reader_over(names, BatchLimits(max_frames=8), clock)
    taken = defaultdict(int)
    for _ in range(30):
        for name, _number in reader.collect(streams.read):
            taken[name] += 1
    assert set(taken.values()) == {20}


@given(
    n_streams=st.integers(1, 40),
    max_frames=st.integers(1, 16),
    backlog=st.lists(st.integers(0, 10), min_size=40, max_size=40),
    late=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 39)), max_size=30),
)
def test_no_batch_is_larger_than_its_limit_and_nothing_is_lost(
    n_streams, max_frames, backlog, late
):
    clock = TurnedClock()
    names = [f"cam-{i}" for i in range(n_streams)]
    streams = SimulatedStreams(clock)
    for name, depth in zip(names, backlog, strict=False):
        streams.waiting[name].extend(range(depth))
    streams.arrivals = [
        (at, names[i % n_streams], 1000 + number) for number, (at, i) in enumerate(late)
    ]
    expected = sum(backlog[:n_streams]) + len(late)
    reader, _ = reader_over(names, BatchLimits(max_frames=max_frames), clock)
    taken = []
    while clock.now_s < 3.0 and len(taken) < expected:
        batch = reader.collect(streams.read)
        assert len(batch) <= max_frames
        taken += batch
    assert len(taken) == len(set(taken)) == expected
    assert streams.most_in_one_read <= max_frames


def test_the_batch_closes_fifty_milliseconds_after_its_first_frame():
    clock = TurnedClock()
    streams = SimulatedStreams(clock, arrivals=[(0.100, "a", 1), (0.120, "b", 2), (0.400, "a", 3)])
    reader, _ = reader_over(["a", "b"], BatchLimits(max_frames=8, linger_s=0.05), clock)
    assert reader.collect(streams.read) == [("a", 1), ("b", 2)]
    assert clock.now_s == pytest.approx(0.150, abs=0.003)


def test_a_full_batch_does_not_wait():
    clock = TurnedClock()
    streams = SimulatedStreams(clock, arrivals=[(0.100, "a", 1), (0.101, "a", 2)])
    reader, _ = reader_over(["a"], BatchLimits(max_frames=2, linger_s=0.05), clock)
    assert len(reader.collect(streams.read)) == 2
    assert clock.now_s == pytest.approx(0.101)


def test_silence_returns_empty_handed_so_that_a_stop_is_seen():
    clock = TurnedClock()
    streams = SimulatedStreams(clock)
    reader, _ = reader_over(["a"], BatchLimits(idle_block_s=0.5), clock)
    assert reader.collect(streams.read) == []
    assert clock.now_s == pytest.approx(0.5)


def test_with_many_streams_no_single_wait_keeps_the_others_from_being_seen():
    clock = TurnedClock()
    names = [f"cam-{i}" for i in range(20)]
    streams = SimulatedStreams(clock, arrivals=[(0.010, "cam-19", 7)])
    reader, _ = reader_over(names, BatchLimits(max_frames=4, window_block_s=0.02), clock)
    while not (batch := reader.collect(streams.read)):
        pass
    assert batch == [("cam-19", 7)]
    assert clock.now_s <= 0.010 + 0.02 + 0.05 + 0.001
    assert max(streams.blocks_ms) <= 20


def test_a_stream_set_aside_is_left_alone_until_its_time_is_over():
    clock = TurnedClock()
    streams = SimulatedStreams(clock)
    streams.waiting["a"].append(1)
    streams.waiting["b"].append(2)
    reader, rotation = reader_over(["a", "b"], BatchLimits(), clock)
    rotation.set_aside("a", 5.0)
    assert rotation.aside == ["a"]
    assert reader.collect(streams.read) == [("b", 2)]
    clock.now_s += 5.0
    assert rotation.aside == []
    assert reader.collect(streams.read) == [("a", 1)]


def test_with_all_streams_set_aside_it_waits_instead_of_spinning():
    clock = TurnedClock()
    rotation = KeyRotation(["a"], clock)
    rotation.set_aside("a", 5.0)
    slept_s = []
    reader = BatchReader(rotation, BatchLimits(idle_block_s=0.5), clock, slept_s.append)
    assert reader.collect(SimulatedStreams(clock).read) == []
    assert slept_s == [0.5]
