"""One camera's reader in a thread of its own, which cannot be stopped while its library hangs."""

from __future__ import annotations

import threading
from typing import Final, Protocol

import msgspec

from ingest.camera_report import CameraReport
from ingest.camera_spec import CameraSpec
from ingest.camera_state import CameraState
from ingest.minute_log import MinuteLog
from ingest.publisher import ServerRest
from ingest.stream.timestamps import NS, NsClock

# A read may last its time-out of 5 s; whoever is not gone a moment later hangs, unless he said that
# he would be away for longer (a name look-up has no time-out of ours).
LEAVE_S: Final = 6.0


class Reader(Protocol):
    """What runs in the thread: `CameraReader`."""

    state: CameraState
    log: MinuteLog

    def run(self) -> None:
        """Read until told to stop, or until a film has ended."""
        ...


class RunningReader:
    """A reader from its start to its end.

    Args:
        spec: of its camera.
        reader: not yet running.
        rest: of its way to the frames server.
        stop: what makes the reader end.
        monotonic_ns: this machine's clock.
        number: with another one, the camera's counters begin anew.
    """

    def __init__(
        self,
        spec: CameraSpec,
        reader: Reader,
        rest: ServerRest,
        stop: threading.Event,
        monotonic_ns: NsClock,
        number: int = 1,
    ) -> None:
        self.spec = spec
        self.number = number
        self._reader = reader
        self._rest = rest
        self._stop = stop
        self._monotonic_ns = monotonic_ns
        self._leave_by_ns: int | None = None
        # A daemon: a hung one must not keep the process alive.
        self._thread = threading.Thread(
            target=reader.run, name=f"reader-{spec.camera_id}", daemon=True
        )
        self._thread.start()

    @property
    def state(self) -> CameraState:
        """What is known of the camera."""
        return self._reader.state

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def is_leaving(self) -> bool:
        """Whether it was asked to end."""
        return self._leave_by_ns is not None

    @property
    def misses_frames_server(self) -> bool:
        """Whether the frames server did not take its newest frame."""
        return self._rest.is_failing and self.state.is_up

    def leave(self) -> None:
        """Ask it to end; from now on its time runs."""
        if self._leave_by_ns is None:
            left_s = max(LEAVE_S, -self.state.overdue_s())
            self._leave_by_ns = self._monotonic_ns() + int(left_s * NS)
        self._stop.set()

    def join(self, timeout_s: float) -> None:
        """Wait for its end."""
        self._thread.join(timeout_s)

    def flush_log(self) -> None:
        """Log what waits, if its time has come."""
        self._reader.log.flush()

    def report(self) -> CameraReport:
        """The camera's condition; a reader that died or does not end in time is overdue."""
        report = self.state.report()
        overdue_s = max(report.overdue_s, self._overstayed_s() if self.is_alive else 0.0)
        if not (self.is_alive or self.is_leaving or self.state.ended):
            overdue_s = max(overdue_s, 1.0)  # it died of a bug; its traceback stands in the log
        return msgspec.structs.replace(report, overdue_s=overdue_s)

    def _overstayed_s(self) -> float:
        """Seconds since it should have ended; 0 while nobody asked it to."""
        if self._leave_by_ns is None:
            return 0.0
        return (self._monotonic_ns() - self._leave_by_ns) / NS
