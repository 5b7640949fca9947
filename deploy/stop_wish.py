"""The wish to stop, and when a loop last asked for it: a loop that asks is alive."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class StopWish(threading.Event):
    """An event that remembers when the main thread last asked for it.

    Every service's loop runs there, asks at each round whether to stop, and waits by this event: so
    no loop needs a heartbeat of its own.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._made_s = clock()
        self._asked_s: float | None = None

    def is_set(self) -> bool:
        """Whether to stop."""
        self._was_asked()
        return super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait so many seconds at most; whether to stop."""
        self._was_asked()
        try:
            return super().wait(timeout)
        finally:
            self._was_asked()

    def silence_s(self) -> tuple[float, bool]:
        """Seconds since it was asked, or since it was made; and whether it ever was asked."""
        asked_s = self._asked_s
        return self._clock() - (self._made_s if asked_s is None else asked_s), asked_s is not None

    def _was_asked(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._asked_s = self._clock()
