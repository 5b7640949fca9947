"""Waiting for a server that is away: retry with back-off, say so once, and say when it is back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

import structlog

from schemas.transport import StreamFullError, TransportDownError, TransportError, back_off

LONGEST_WAIT_S: Final = 2.0  # a frame is worth 3 s, so no server is left alone longer
GRACE_S: Final = 5.0

Result = TypeVar("Result")

_log = structlog.get_logger(__name__)


class Patience:
    """Calls something until its server answers.

    Args:
        server: what to call the server in the log, without its address.
        stop: set when the process has to end; then at most `grace_s` more are spent.
        on_change: told False when the server goes away, True when it is back.
        grace_s: how long a process that has to end still tries.
        monotonic: seconds that only grow.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        server: str,
        stop: threading.Event,
        *,
        on_change: Callable[[bool], None] = lambda _: None,
        grace_s: float = GRACE_S,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._server = server
        self._stop = stop
        self._on_change = on_change
        self._grace_s = grace_s
        self._monotonic = monotonic
        self._sleep = sleep

    def call(self, action: Callable[[], Result]) -> Result:
        """What `action` returns, once it gets through.

        Raises:
            TransportDownError, StreamFullError: the process has to end and the grace is over.
            TransportRefusedError: waiting does not help, people must act.
        """
        waits_s = back_off(cap_s=LONGEST_WAIT_S)
        away_since_s: float | None = None
        stopping_since_s: float | None = None
        while True:
            try:
                result = action()
            except (TransportDownError, StreamFullError) as exc:
                now_s = self._monotonic()
                if away_since_s is None:
                    away_since_s = now_s
                    self._say_away(exc)
                if self._stop.is_set():
                    stopping_since_s = now_s if stopping_since_s is None else stopping_since_s
                    if now_s - stopping_since_s >= self._grace_s:
                        raise
                self._sleep(next(waits_s))
            else:
                if away_since_s is not None:
                    self._say_back(self._monotonic() - away_since_s)
                return result

    def _say_away(self, exc: TransportError) -> None:
        self._on_change(False)
        _log.warning(
            "The server is away, trying again",
            action="server_away",
            server=self._server,
            reason=str(exc),
        )

    def _say_back(self, away_s: float) -> None:
        self._on_change(True)
        _log.info(
            "The server is back",
            action="server_back",
            server=self._server,
            away_s=round(away_s, 1),
        )
