"""What a reader reads: sampled frames with their times, from a live camera or a film."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, Protocol

import av

from ingest.stream.timestamps import NS, NsClock

Wait = Callable[[float], bool]
"""Waits so many seconds; True at once when the reader is to stop."""


@dataclass(frozen=True)
class HostClocks:
    """The clocks of this machine, as arguments so that tests can turn them."""

    monotonic_ns: NsClock = time.monotonic_ns
    utc_ns: NsClock = time.time_ns


class TimedFrame(NamedTuple):
    """A decoded frame that is to be sent, with its time in UTC, nanoseconds."""

    image: av.VideoFrame
    captured_at: int


class Source(Protocol):
    """One way to get frames."""

    def frames(self) -> Generator[TimedFrame, None, None]:
        """One connection's sampled frames, `captured_at` strictly increasing; ends when stopped.

        The thread that iterates must also close the iterator: it owns the connection.

        Raises:
            CameraError: the connection is over, and why.
        """
        ...


def to_ns(pts: int, time_base: Fraction) -> int:
    """Stream ticks as nanoseconds."""
    return pts * NS * time_base.numerator // time_base.denominator
