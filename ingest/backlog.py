"""How far a slow frames server has put a reader behind its camera.

While a frame is being sent, the camera's next ones wait in the socket. That time is owed until the
stream has moved on by as much (Lindley's recursion); a frame that would be sent with too large a
debt is left out, so that newer ones win and nothing piles up: not here, and not before us.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ingest.timestamps import NS

PATIENCE_NS: Final = NS // 2  # workers let frames expire at 3 s


@dataclass
class Backlog:
    """One camera's debt of time, in nanoseconds. Knows no clock: only what it is told."""

    _behind_ns: int = 0
    _captured_at: int = 0  # of the newest frame

    def is_too_old(self, captured_at: int) -> bool:
        """Whether this frame, the stream's next one, was overtaken while the server took others."""
        moved_ns = max(0, captured_at - self._captured_at)
        self._captured_at = captured_at
        self._behind_ns = max(0, self._behind_ns - moved_ns)
        return self._behind_ns > PATIENCE_NS

    def took(self, duration_ns: int) -> None:
        """The server took so long for the newest frame, whether it has it now or not."""
        self._behind_ns += duration_ns
