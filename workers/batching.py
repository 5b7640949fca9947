"""Which streams to read next, so that one worker never takes more frames than its batch.

XREADGROUP's COUNT is per stream: COUNT 1 over 100 backlogged streams hands 100 entries to one
consumer. So each read names a few streams only, and the window moves on with every read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class BatchLimits:
    """How many frames make a batch, and how long to wait for them.

    Attributes:
        max_frames: most frames in one batch.
        linger_s: how long to wait for more after the first frame.
        idle_block_s: longest wait for a first frame when all streams fit into one read.
        window_block_s: the same when the streams need several reads, one after another.
    """

    max_frames: int = 4
    linger_s: float = 0.05
    idle_block_s: float = 0.5
    window_block_s: float = 0.02


class ReadWindow(Protocol[Item]):
    """Reads at most `count` new entries in all from `streams`, waiting at most `block_ms`."""

    def __call__(self, streams: Sequence[str], count: int, block_ms: int | None) -> list[Item]:
        """New entries; `block_ms` None returns at once."""
        ...


class KeyRotation:
    """Hands out windows of stream names in turn; streams set aside are left out for a while.

    Args:
        streams: all streams of this worker.
        monotonic: seconds that only grow; an argument so that tests turn the clock.
    """

    def __init__(
        self, streams: Sequence[str], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._streams = list(streams)
        self._monotonic = monotonic
        self._next = 0
        self._aside_until: dict[str, float] = {}

    def active(self) -> list[str]:
        """The streams that may be read now, in their fixed order."""
        now = self._monotonic()
        self._aside_until = {s: until for s, until in self._aside_until.items() if until > now}
        return [stream for stream in self._streams if stream not in self._aside_until]

    def set_aside(self, stream: str, for_s: float) -> None:
        """Leave `stream` alone for `for_s` seconds."""
        self._aside_until[stream] = self._monotonic() + for_s

    @property
    def aside(self) -> list[str]:
        """The streams that are left alone at the moment."""
        active = set(self.active())
        return [stream for stream in self._streams if stream not in active]

    def window(self, size: int) -> list[str]:
        """The next `size` active streams (fewer when there are fewer), moving on behind them."""
        active = self.active()
        size = min(size, len(active))
        if size == 0:
            return []
        start = self._next % len(active)
        self._next = (start + size) % len(active)
        return [active[(start + i) % len(active)] for i in range(size)]


class BatchReader:
    """Collects one batch across all streams: by size, or by the time after its first frame.

    Args:
        rotation: which streams to read.
        limits: size and waiting times.
        monotonic: seconds that only grow.
        sleep: waits that many seconds; used only when no stream may be read at all.
    """

    def __init__(
        self,
        rotation: KeyRotation,
        limits: BatchLimits,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rotation = rotation
        self._limits = limits
        self._monotonic = monotonic
        self._sleep = sleep

    def collect(self, read: ReadWindow[Item]) -> list[Item]:
        """At most `max_frames` entries; empty when nothing came while it waited once."""
        if not self._rotation.active():
            self._sleep(self._limits.idle_block_s)
            return []
        batch = self._sweep(read, [])
        if not batch:
            batch = self._wait(read, self._limits.max_frames, self._limits.idle_block_s)
        if not batch:
            return batch
        deadline = self._monotonic() + self._limits.linger_s
        while len(batch) < self._limits.max_frames:
            batch = self._sweep(read, batch)
            left_s = deadline - self._monotonic()
            if left_s <= 0 or len(batch) >= self._limits.max_frames:
                break
            batch += self._wait(read, self._limits.max_frames - len(batch), left_s)
        return batch

    def _sweep(self, read: ReadWindow[Item], batch: list[Item]) -> list[Item]:
        """`batch` and what lies ready in the streams, each asked at most once."""
        batch = list(batch)
        unasked = len(self._rotation.active())
        while unasked > 0 and len(batch) < self._limits.max_frames:
            remaining = self._limits.max_frames - len(batch)
            streams = self._rotation.window(min(remaining, unasked))
            if not streams:
                break
            batch += read(streams, remaining, None)
            unasked -= len(streams)
        return batch

    def _wait(self, read: ReadWindow[Item], remaining: int, left_s: float) -> list[Item]:
        """Wait on the next window of streams, as long as the limits and `left_s` permit."""
        streams = self._rotation.window(remaining)
        if not streams:
            return []
        several_windows = len(self._rotation.active()) > len(streams)
        block_s = min(left_s, self._limits.window_block_s) if several_windows else left_s
        return read(streams, remaining, max(1, round(block_s * 1000)))
