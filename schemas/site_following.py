"""A service that follows its site file: it ends its turn cleanly and begins the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from schemas.site import Site
from schemas.site_watch import SiteWatch

LOOK_EVERY_S: Final = 1.0
STOP_WITHIN_S: Final = 0.1

Turn = Callable[[Site, threading.Event], None]
"""Serves a site until the event is set; raises when it cannot."""


def follow_site(
    site: Site,
    watch: SiteWatch | None,
    stop: threading.Event,
    turn: Turn,
    is_ready: Callable[[Site], bool] = lambda _site: True,
) -> None:
    """Call `turn` with the site in force, and again with each new one, until `stop` is set.

    Args:
        site: at the start.
        watch: of the site file; None: the site never changes.
        stop: ends all of it.
        turn: one life of the service; it may also end by itself, and then all of it ends.
        is_ready: whether a new site can be served already; asked every second until it can.
    """
    while True:
        end = _TurnEnd(stop)
        follower = _Follower(watch, stop, end, is_ready)
        follower.start()
        try:
            turn(site, end)
        finally:
            end.set()
            follower.join()
        if stop.is_set() or follower.found is None:
            return
        site = follower.found


class _TurnEnd(threading.Event):
    """Set when a turn is over; also asks the wish to stop, which may note that it is asked."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__()
        self._stop_wish = stop

    def is_set(self) -> bool:
        """Whether the turn is over."""
        return self._stop_wish.is_set() or super().is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait so many seconds at most; whether the turn is over."""
        return self.is_set() or super().wait(timeout)


class _Follower(threading.Thread):
    """Sets `end` when the service is to stop or when there is a new site that can be served."""

    def __init__(
        self,
        watch: SiteWatch | None,
        stop: threading.Event,
        end: threading.Event,
        is_ready: Callable[[Site], bool],
    ) -> None:
        super().__init__(name="site-follower", daemon=True)
        self.found: Site | None = None
        self._watch = watch
        self._stop_wish = stop
        self._end = end
        self._is_ready = is_ready

    def run(self) -> None:
        """Look every second."""
        waiting: Site | None = None
        while not self._is_ended_within(LOOK_EVERY_S):
            waiting = (self._watch.poll() if self._watch else None) or waiting
            if waiting is not None and self._is_ready(waiting):
                self.found = waiting
                self._end.set()

    def _is_ended_within(self, seconds: float) -> bool:
        for _ in range(round(seconds / STOP_WITHIN_S)):
            if self._stop_wish.is_set():
                self._end.set()
            if self._end.wait(STOP_WITHIN_S):
                return True
        return False
