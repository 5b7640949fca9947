"""Waiting for a server that is away: said once, tried again with growing pauses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

from aggregator.metrics import AggregatorMetrics
from schemas.database import DatabaseUnavailableError
from schemas.transport import StreamFullError, TransportDownError, back_off

_log = structlog.get_logger(__name__)

LONGEST_WAIT_S: Final = 2.0
Result = TypeVar("Result")

# A server is away; whatever was not committed is read or written again.
AWAY: Final = (
    TransportDownError,
    StreamFullError,
    DatabaseUnavailableError,
    OperationalError,
    InterfaceError,
)


class Patience:
    """Tries things that need servers.

    Args:
        stop: set when the process has to end.
        metrics: told whether the process is ready.
    """

    def __init__(self, stop: threading.Event, metrics: AggregatorMetrics) -> None:
        self._stop = stop
        self._metrics = metrics
        self._waits: Iterator[float] | None = None

    def until_done(self, action: Callable[[], Result]) -> Result | None:
        """What `action` returns once its servers answer; None when told to stop before."""
        while not self._stop.is_set():
            result = self.try_once(action)
            if result is not None:
                return result
        return None

    def try_once(self, action: Callable[[], Result]) -> Result | None:
        """What `action` returns; None, after a pause, when a server is away."""
        try:
            result = action()
        except AWAY as exc:
            self._wait(exc)
            return None
        if self._waits is not None:
            self._waits = None
            _log.info("The servers are back", action="server_back")
        return result

    def _wait(self, exc: Exception) -> None:
        if self._waits is None:
            self._waits = back_off(cap_s=LONGEST_WAIT_S)
            reason = str(getattr(exc, "orig", exc)).partition("\n")[0]
            _log.warning("A server is away, trying again", action="server_away", reason=reason)
        self._metrics.ready.set(0)
        self._stop.wait(next(self._waits))
