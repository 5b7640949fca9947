"""How far this machine's clock is from the faces server's, whose time every entry of a log carries.

The server's answer to TIME lies somewhere between question and answer; taken as the middle it is
wrong by at most half the round trip. So of the last minute the quickest measurement counts.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final, NamedTuple

from ingest.stream.timestamps import NS, NsClock
from schemas.transport import Client, TransportError, server_time_ns

PERIOD_S: Final = 5.0
END_S: Final = 1.0
WINDOW_NS: Final = 60 * NS
MS: Final = 1_000_000


class _Sample(NamedTuple):
    measured_ns: int  # monotonic
    round_trip_ns: int
    server_ahead_ns: int  # the server's clock less our monotonic one, which no NTP step moves


class ClockOffset:
    """The best of the last minute's measurements; pure."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque()

    def measured(self, asked_ns: int, answered_ns: int, server_ns: int) -> None:
        """The server said `server_ns` (Unix time) between two moments of the monotonic clock."""
        middle_ns = (asked_ns + answered_ns) // 2
        self._samples.append(
            _Sample(answered_ns, answered_ns - asked_ns, server_ns - middle_ns),
        )
        self._forget(answered_ns)

    def offset_ns(self, monotonic_ns: int, utc_ns: int) -> int | None:
        """Our clock less the server's at this moment; None: nothing was measured for a minute."""
        self._forget(monotonic_ns)
        if not self._samples:
            return None
        best = min(self._samples, key=lambda sample: sample.round_trip_ns)
        return utc_ns - monotonic_ns - best.server_ahead_ns

    def _forget(self, now_ns: int) -> None:
        while self._samples and self._samples[0].measured_ns < now_ns - WINDOW_NS:
            self._samples.popleft()


class HostClock:
    """Asks the faces server every 5 s, in a thread of its own: a hung server holds up nobody."""

    def __init__(self, client: Client, monotonic_ns: NsClock, utc_ns: NsClock) -> None:
        self._client = client
        self._monotonic_ns = monotonic_ns
        self._utc_ns = utc_ns
        self._offset = ClockOffset()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="host-clock", daemon=True)

    def start(self) -> None:
        """Begin to measure."""
        self._thread.start()

    def stop(self) -> None:
        """End; a server that hangs now is not waited for."""
        self._stop.set()
        self._thread.join(END_S)

    def offset_ms(self) -> int | None:
        """This machine's clock less the faces server's; None: not known."""
        with self._lock:
            offset_ns = self._offset.offset_ns(self._monotonic_ns(), self._utc_ns())
        return None if offset_ns is None else round(offset_ns / MS)

    def _run(self) -> None:
        while True:
            self._measure()
            if self._stop.wait(PERIOD_S):
                return

    def _measure(self) -> None:
        asked_ns = self._monotonic_ns()
        try:
            server_ns = server_time_ns(self._client)
        except TransportError:
            return  # told by whoever sends statuses
        with self._lock:
            self._offset.measured(asked_ns, self._monotonic_ns(), server_ns)
