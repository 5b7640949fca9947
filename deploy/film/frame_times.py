"""A film's own time stamps, made to grow strictly, whatever the file says."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

# Further back than this is a jump: two recordings in one file. After a broken packet, decoders
# give pictures too early or too late, by as much as they hold back to sort them.
_BACK_S: Final = 5.0


class FrameTimes:
    """Times of a film's pictures, in ticks since its start.

    Stamps that a file has are kept. A picture without one (raw H.264) follows the last one at the
    film's rate; one that is not later than the last is moved by a tick; and after a jump back, all
    that follows is moved together.
    """

    def __init__(self, time_base: Fraction, rate: Fraction, start: int) -> None:
        """Begin.

        Args:
            time_base: seconds a tick.
            rate: pictures a second, for those without a stamp.
            start: the stamp that is to become 0.
        """
        self._time_base = time_base
        self._step = max(1, round(1 / (rate * time_base)))
        self._start = start
        self._back = max(1, round(_BACK_S / time_base))
        self._last: int | None = None
        self._moved = 0

    def place(self, pts: int | None) -> int:
        """Return when the next picture is shown [ticks]."""
        at = self._place(pts)
        self._last = at
        return at

    def _place(self, pts: int | None) -> int:
        expected = 0 if self._last is None else self._last + self._step
        if pts is None:
            return expected
        at = pts - self._start + self._moved
        if self._last is None or at > self._last:
            return at
        if self._last - at < self._back:
            return self._last + 1
        self._moved += expected - at
        return expected
