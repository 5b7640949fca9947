"""Which frames of a stream are analysed: those nearest to an even grid in the stream's own time."""

from __future__ import annotations

from ingest.timestamps import NS


class Sampler:
    """Picks frames uniformly at `analysis_fps`; a slower source passes whole.

    The grid is anchored at the first frame and never moves, so that the rate does not drift: of 25
    frames a second, 2 are taken at turns 12 and 13 frames apart.
    """

    def __init__(self, analysis_fps: float) -> None:
        if not analysis_fps > 0:
            raise ValueError(f"analysis_fps must be above 0, got {analysis_fps = }")
        self._fps = analysis_fps
        self._first_ns: int | None = None
        self._last_ns = 0
        self._slot = 0  # the grid point that waits for its frame

    def wants(self, pts_ns: int) -> bool:
        """Whether the frame at `pts_ns` is analysed; call it once for each frame, in order."""
        if self._first_ns is None:
            self._first_ns = self._last_ns = pts_ns
            self._slot = 1
            return True
        gap_ns, self._last_ns = pts_ns - self._last_ns, pts_ns
        interval_ns = NS / self._fps
        # Half a frame's distance early is nearer to the grid point than half a distance late.
        tolerance_ns = min(max(gap_ns, 0), interval_ns) / 2
        since_ns = pts_ns - self._first_ns
        if since_ns + tolerance_ns < self._slot * interval_ns:
            return False
        self._slot = max(self._slot, int(since_ns // interval_ns)) + 1
        return True
