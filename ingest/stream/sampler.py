"""Which frames of a stream are analysed: those nearest to an even grid in the stream's own time."""

from __future__ import annotations

import math
from typing import Final

from ingest.stream.timestamps import NS

# The first sampled frame waits for the next grid point; at slower rates that would be long.
LONGEST_ANCHORED_NS: Final = 2 * NS


class Sampler:
    """Picks frames uniformly at `analysis_fps`; a slower source passes whole.

    The grid is anchored at a key frame, where one was told before, else at the first frame, and
    never moves, so that the rate does not drift: of 25 frames a second, 2 are taken at turns 12 and
    13 frames apart.

    Attributes:
        spacing_ns: distance of the stream's pictures, to be told where not all of them are decoded
            and so the gaps seen here are longer; None: the gaps themselves.
    """

    def __init__(self, analysis_fps: float) -> None:
        if not analysis_fps > 0:
            raise ValueError(f"analysis_fps must be above 0, got {analysis_fps = }")
        self.spacing_ns: int | None = None
        self._interval_ns = NS / analysis_fps
        self._anchor_ns: int | None = None
        self._first_ns: int | None = None
        self._last_ns = 0
        self._slot = 0  # the grid point that waits for its frame

    @property
    def interval_ns(self) -> float:
        """Distance of two grid points."""
        return self._interval_ns

    def anchor(self, pts_ns: int) -> None:
        """A key frame: if sampling has not begun, a point of the grid.

        A grid that meets the key frames leaves most pictures behind its last point in a group, and
        those need not be decoded.
        """
        self._anchor_ns = pts_ns

    def wants(self, pts_ns: int) -> bool:
        """Whether the frame at `pts_ns` is analysed; call it once for each frame, in order."""
        first_ns = self._begin(pts_ns) if self._first_ns is None else self._first_ns
        gap_ns, self._last_ns = pts_ns - self._last_ns, pts_ns
        # Half a frame's distance early is nearer to the grid point than half a distance late.
        spacing_ns = max(gap_ns if self.spacing_ns is None else min(gap_ns, self.spacing_ns), 0)
        if not self._reaches(pts_ns, min(spacing_ns, self._interval_ns) / 2):
            return False
        since_ns = pts_ns - first_ns
        self._slot = max(self._slot, int(since_ns // self._interval_ns)) + 1
        return True

    def would_want(self, pts_ns: int, spacing_ns: int) -> bool:
        """Whether a frame at `pts_ns` is the one next to a grid point, in whatever order asked."""
        if self._first_ns is None:
            return True
        phase_ns = (pts_ns - self._first_ns + spacing_ns / 2) % self._interval_ns
        return phase_ns < max(spacing_ns, 1)

    def is_due_before(self, pts_ns: int) -> bool:
        """Whether the grid point that waits lies before `pts_ns`."""
        return self._first_ns is None or self._reaches(pts_ns, 0)

    def _begin(self, pts_ns: int) -> int:
        """Set up the grid; its origin."""
        first_ns = pts_ns
        if self._anchor_ns is not None and self._interval_ns <= LONGEST_ANCHORED_NS:
            first_ns = self._anchor_ns
        self._first_ns, self._last_ns = first_ns, pts_ns
        self._slot = math.ceil((pts_ns - first_ns) / self._interval_ns)
        return first_ns

    def _reaches(self, pts_ns: int, tolerance_ns: float) -> bool:
        first_ns = self._first_ns or 0
        return pts_ns - first_ns + tolerance_ns >= self._slot * self._interval_ns
