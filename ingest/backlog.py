"""How far a slow frames server has put a reader behind its camera.

While a frame is being sent, the camera's next ones wait in the socket. When a reader is too far
behind, it leaves frames out until it is with the camera again: newer ones win, and nothing piles
up, neither here nor before us.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ingest.stream.timestamps import NS

PATIENCE_NS: Final = NS // 2  # workers let frames expire at 3 s


@dataclass
class Backlog:
    """One reader's delay, in nanoseconds; told of every frame, in order.

    A frame for which the reader had to wait is live: it comes about as long after the last one
    was dealt with as the stream has moved on. One from the socket comes much sooner; then all the
    time since the last one was work, and adds to the delay what the stream has not made up for.
    """

    _behind_ns: int = 0
    _is_catching_up: bool = False
    _captured_at: int = 0  # of the newest frame
    _done_ns: int = 0  # when it had been dealt with

    def is_too_old(self, captured_at: int, now_ns: int) -> bool:
        """Whether this frame, the stream's next one, is to be left out for newer ones.

        Args:
            captured_at: of the frame.
            now_ns: by the monotonic clock.
        """
        moved_ns = max(0, captured_at - self._captured_at)
        waited_ns = now_ns - self._done_ns
        behind_ns = self._behind_ns + waited_ns - moved_ns
        # A camera that sends in bursts never looks live: some time ahead must do as well.
        enough_ns = -PATIENCE_NS if self._is_catching_up else 0
        if 2 * waited_ns >= moved_ns or behind_ns <= enough_ns:
            self._is_catching_up, behind_ns = False, 0
        elif behind_ns > PATIENCE_NS:
            self._is_catching_up = True
        self._captured_at, self._done_ns, self._behind_ns = captured_at, now_ns, behind_ns
        return self._is_catching_up

    def took(self, now_ns: int) -> None:
        """The server has answered for the newest frame, whether it has it now or not."""
        self._behind_ns += now_ns - self._done_ns
        self._done_ns = now_ns
