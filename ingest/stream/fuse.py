"""A time-out for PyAV that covers a whole exchange and not only its next step.

PyAV asks its time-outs anew before each step: opening, probing, reading on. With plain numbers a
camera that accepts a PLAY and then stays silent costs all of them, one after the other (10 s
measured). A `Fuse` answers with what is left of one deadline.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Self

from ingest.stream.timestamps import NS, NsClock


class Fuse(Fraction):
    """Seconds that are left; to be handed to `av.open` as its time-outs."""

    _monotonic_ns: NsClock
    _end_ns: int
    _least_s: float

    def __new__(cls, monotonic_ns: NsClock, least_s: float = 0.5) -> Self:
        """A fuse that is not lit yet.

        Args:
            monotonic_ns: the clock.
            least_s: what is granted even when nothing is left: a stream that flows needs a moment.
        """
        fuse = super().__new__(cls, 0)
        fuse._monotonic_ns = monotonic_ns
        fuse._least_s = least_s
        fuse._end_ns = 0
        return fuse

    def light(self, seconds: float) -> None:
        """So many seconds are left from now on."""
        self._end_ns = self._monotonic_ns() + int(seconds * NS)

    @property
    def is_burnt(self) -> bool:
        """Whether nothing is left."""
        return self._monotonic_ns() >= self._end_ns

    def __float__(self) -> float:
        """What PyAV asks for."""
        return max(self._least_s, (self._end_ns - self._monotonic_ns()) / NS)
