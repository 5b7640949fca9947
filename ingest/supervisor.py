"""Runs the readers of one process, reports on them every second, and notices when one hangs.

A thread that hangs inside a C library cannot be stopped. So this process ends with an error, and
its parent starts a new one: the process is the unit that is replaced.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Final

import structlog

from ingest.errors import ReaderHungError
from ingest.publisher import StatusPublisher
from ingest.reader import CameraReader
from ingest.timestamps import NS, NsClock

PERIOD_S: Final = 1.0
# A read may last its time-out of 5 s, and an open as long again.
JOIN_S: Final = 6.0


class Supervisor:
    """Owns the reader threads of one process."""

    def __init__(
        self,
        readers: Sequence[CameraReader],
        statuses: StatusPublisher,
        stop: threading.Event,
        monotonic_ns: NsClock,
    ) -> None:
        self._readers = readers
        self._statuses = statuses
        self._stop = stop
        self._monotonic_ns = monotonic_ns
        self._states = [reader.state for reader in readers]
        self._log = structlog.get_logger("facepose.ingest")
        # Daemons: a hung one must not keep the process alive.
        self._threads = [
            threading.Thread(
                target=reader.run, name=f"reader-{reader.state.camera_id}", daemon=True
            )
            for reader in readers
        ]

    def run(self) -> None:
        """Until stopped.

        Raises:
            ReaderHungError: a reader hangs or died; the process must be replaced.
        """
        for thread in self._threads:
            thread.start()
        due_ns = self._monotonic_ns()
        while not self._stop.wait(max(0.0, (due_ns - self._monotonic_ns()) / NS)):
            # After a long wait for a server the missed reports are left out, not caught up.
            due_ns = max(due_ns, self._monotonic_ns() - int(PERIOD_S * NS)) + int(PERIOD_S * NS)
            self._tick()
        self._shut_down()

    def _tick(self) -> None:
        self._statuses.report(self._states)
        for reader, thread in zip(self._readers, self._threads, strict=True):
            reader.log.flush()
            overdue_s = reader.state.overdue_s()
            is_dead = not thread.is_alive() and not reader.state.ended
            if (overdue_s > 0 or is_dead) and not self._stop.is_set():
                self._give_up(reader.state.camera_id, is_dead=is_dead)

    def _give_up(self, camera_id: str, *, is_dead: bool) -> None:
        fault = "died" if is_dead else "hangs"
        self._log.error(
            f"The reader of a camera {fault}; this process ends so that a new one can start.",
            action="reader_hung",
            camera=camera_id,
        )
        self._stop.set()
        raise ReaderHungError(
            f"the reader of camera {camera_id!r} {fault}; a new process must take its place"
        )

    def _shut_down(self) -> None:
        """Wait for the readers, then say for each camera that its stream was ended on purpose."""
        limit_ns = self._monotonic_ns() + int(JOIN_S * NS)
        for reader, thread in zip(self._readers, self._threads, strict=True):
            thread.join(max(0.0, (limit_ns - self._monotonic_ns()) / NS))
            reader.state.end("ingest was shut down")
        self._statuses.report(self._states)
        self._log.info("Ingest has stopped.", action="ingest_stopped", cameras=len(self._readers))
