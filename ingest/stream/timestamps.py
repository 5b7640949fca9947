"""A stream's own time, mapped to UTC.

A camera's pts counts evenly but starts anywhere and may run 200 ppm off; packets arrive late and
unevenly, but never before they were sent. So the smallest arrival - pts of the last minute is the
best estimate of the offset between both clocks. The offset in use follows that estimate by at most
1 ms for each second of stream time, which keeps `captured_at` smooth and strictly increasing. Only
in a connection's first half minute, when this machine may still be behind the stream, a large error
is made good faster.

All times are integer nanoseconds.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from ingest.errors import TimeBreakError

NS: Final = 1_000_000_000
WINDOW_NS: Final = 60 * NS
SLEW_PER_NS: Final = 1_000  # 1 ns of correction per 1000 ns of stream time: 1 ms/s
CLOCK_STEP_NS: Final = 100_000_000
EARLY_NS: Final = 30 * NS  # of stream time after the first mapping
EARLY_SLEW: Final = 2  # 1 ns of correction for 2 ns of stream time ...
EARLY_ERROR_NS: Final = 100_000_000  # ... for times that are late by more than the network's jitter
PTS_BACK_NS: Final = NS  # packets of B-frames come out of order by less than this
PTS_AHEAD_NS: Final = NS
BEHIND_NS: Final = 10 * NS
SETTLED_NS: Final = 5_000_000
SETTLE_LIMIT_NS: Final = 2 * NS

NsClock = Callable[[], int]


class AnchoredClock:
    """UTC that no NTP step can move: the monotonic clock, anchored once to UTC."""

    def __init__(
        self, monotonic_ns: NsClock = time.monotonic_ns, utc_ns: NsClock = time.time_ns
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._utc_ns = utc_ns
        self._anchor_ns = utc_ns() - monotonic_ns()

    def now_ns(self) -> int:
        """The time since the Unix epoch, as it was when anchored plus what has passed since."""
        return self._anchor_ns + self._monotonic_ns()

    def check_step(self) -> None:
        """Compare with the host's UTC clock.

        Raises:
            TimeBreakError: the host's clock was stepped by more than 100 ms.
        """
        step_ns = self._utc_ns() - self.now_ns()
        if abs(step_ns) > CLOCK_STEP_NS:
            raise TimeBreakError(
                f"this machine's clock was stepped by {step_ns / NS:+.1f} s", "clock_step"
            )


class StreamClock:
    """Maps the pts of one connection to UTC; one instance for each epoch.

    The first packets of a connection come as a burst that the server or the probing held back, so
    that they look too late. Until the burst is over, nothing is mapped.
    """

    def __init__(self) -> None:
        self._lows: deque[tuple[int, int]] = deque()  # (arrival, offset), offsets rising
        self._first_arrival_ns: int | None = None
        self._newest_pts_ns: int | None = None
        self._offset_ns: int | None = None  # in use; None while settling
        self._mapped_pts_ns: int | None = None
        self._newest_arrival_ns = 0
        self._early_until_ns: int | None = None  # pts

    @property
    def offset_ns(self) -> int | None:
        """UTC - pts now in use; None while the connection's first burst lasts."""
        return self._offset_ns

    def observe(self, pts_ns: int, arrival_ns: int) -> None:
        """Take note of a packet.

        Raises:
            TimeBreakError: the pts jumped, or the stream lags ever further behind.
        """
        offset_ns = arrival_ns - pts_ns
        self._check_jump(pts_ns, arrival_ns)
        over = self._offset_ns is None and self._burst_is_over(pts_ns, arrival_ns)
        if self._newest_pts_ns is None or pts_ns > self._newest_pts_ns:
            self._newest_pts_ns, self._newest_arrival_ns = pts_ns, arrival_ns
        self._remember(arrival_ns, offset_ns)
        if over:
            self._offset_ns = self._lows[0][1]
            self._early_until_ns = pts_ns + EARLY_NS

    def captured_at(self, pts_ns: int | None) -> int | None:
        """UTC of a decoded frame; None when it must be left out.

        Left out are frames without pts (the first of a connection), those of the first burst, and
        those whose pts is not above the last one's, so that times strictly increase.
        """
        if pts_ns is None or self._offset_ns is None:
            return None
        if self._mapped_pts_ns is not None:
            passed_ns = pts_ns - self._mapped_pts_ns
            if passed_ns <= 0:
                return None
            error_ns = self._lows[0][1] - self._offset_ns
            is_quick = error_ns < -EARLY_ERROR_NS and self._is_early(pts_ns)
            limit_ns = passed_ns // (EARLY_SLEW if is_quick else SLEW_PER_NS)
            self._offset_ns += max(-limit_ns, min(limit_ns, error_ns))
        self._mapped_pts_ns = pts_ns
        return pts_ns + self._offset_ns

    def _check_jump(self, pts_ns: int, arrival_ns: int) -> None:
        if self._newest_pts_ns is not None and pts_ns < self._newest_pts_ns - PTS_BACK_NS:
            back_s = (self._newest_pts_ns - pts_ns) / NS
            raise TimeBreakError(f"the camera's time stamps jumped back by {back_s:.1f} s")
        if self._offset_ns is None or self._newest_pts_ns is None:
            return
        late_ns = arrival_ns - pts_ns - self._offset_ns
        step_ns = pts_ns - self._newest_pts_ns
        is_step = step_ns - (arrival_ns - self._newest_arrival_ns) > PTS_AHEAD_NS
        if late_ns < -PTS_AHEAD_NS and (is_step or not self._is_early(pts_ns)):
            raise TimeBreakError(f"the camera's time stamps jumped ahead by {-late_ns / NS:.1f} s")
        if late_ns > BEHIND_NS:
            raise TimeBreakError(f"the stream lags {late_ns / NS:.0f} s behind", "behind")

    def _is_early(self, pts_ns: int) -> bool:
        """Whether the offset may still be that of a machine that was behind the stream."""
        return self._early_until_ns is not None and pts_ns < self._early_until_ns

    def _remember(self, arrival_ns: int, offset_ns: int) -> None:
        """Sliding-window minimum: the deque's left end is the smallest offset of the window."""
        lows = self._lows
        while lows and lows[-1][1] >= offset_ns:
            lows.pop()
        lows.append((arrival_ns, offset_ns))
        while lows[0][0] < arrival_ns - WINDOW_NS:
            lows.popleft()

    def _burst_is_over(self, pts_ns: int, arrival_ns: int) -> bool:
        """Whether this packet came live; ask before it is remembered.

        Held-back packets each look less late than the one before; the first that does not is live.
        B-frames are no evidence, they look late always; a limit guards against streams that never
        settle.
        """
        if self._first_arrival_ns is None or self._newest_pts_ns is None:
            self._first_arrival_ns = arrival_ns
            return False
        if arrival_ns - self._first_arrival_ns > SETTLE_LIMIT_NS:
            return True
        is_b_frame = pts_ns <= self._newest_pts_ns
        return not is_b_frame and arrival_ns - pts_ns > self._lows[0][1] - SETTLED_NS
