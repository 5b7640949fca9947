"""The cameras that share a process: their readers, and a status of each every second."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import cv2

from ingest.camera_spec import CameraSpec
from ingest.camera_state import CameraState
from ingest.groups.protocol import Ends, GroupReport, Order
from ingest.groups.reader_factory import ReaderFactory
from ingest.groups.running_reader import LEAVE_S, RunningReader
from ingest.host_clock import HostClock
from ingest.minute_log import MinuteLog
from ingest.publisher import StatusPublisher, with_timeout
from ingest.stream.source import HostClocks
from ingest.stream.timestamps import NS, NsClock
from schemas.settings import Settings
from schemas.transport import connect

PERIOD_S: Final = 1.0
POLL_S: Final = 0.1
# How often a removed camera's end is tried to be told while the faces server is away.
GOODBYES: Final = 30
START_LIMIT_S: Final = 10.0


class CameraGroup:
    """Starts and stops readers as ordered; used by one thread, but for `report`."""

    def __init__(
        self,
        build: ReaderFactory,
        statuses: StatusPublisher,
        offset_ms: Callable[[], int | None],
        monotonic_ns: NsClock,
    ) -> None:
        self._build = build
        self._statuses = statuses
        self._offset_ms = offset_ms
        self._monotonic_ns = monotonic_ns
        self._order = 0
        self._wanted: dict[str, CameraSpec] = {}
        self._running: dict[str, RunningReader] = {}
        self._shown: tuple[RunningReader, ...] = ()  # the same, for other threads
        self._silent: set[str] = set()  # films that ended: all is told
        self._goodbyes: list[tuple[CameraState, int]] = []
        self._ended: Ends = {}
        self._numbers: Counter[str] = Counter()
        self._went_on_ns = monotonic_ns()

    # --- orders ----------------------------------------------------------------------------

    def follow(self, order: Order) -> None:
        """Read these cameras from now on; the readers of unchanged ones notice nothing."""
        self._order = order.number
        self._wanted = {spec.camera_id: spec for spec in order.cameras}
        self._ended = {c: ends for c, ends in order.ended.items() if c not in self._running}
        for camera_id, reader in self._running.items():
            if self._wanted.get(camera_id) != reader.spec:
                reader.leave()
        self._arrange()

    def _arrange(self) -> None:
        """Let go of readers that have ended as asked, and start those that are missing."""
        changed: dict[str, RunningReader] = {}
        for camera_id, reader in list(self._running.items()):
            if reader.is_leaving and not reader.is_alive:
                del self._running[camera_id]
                if self._goes_on(reader):
                    changed[camera_id] = reader
                else:
                    self._part_with(reader)
        for camera_id, spec in self._wanted.items():
            if camera_id not in self._running:
                self._running[camera_id] = self._start(spec, changed.get(camera_id))
        self._shown = tuple(self._running.values())

    def _goes_on(self, reader: RunningReader) -> bool:
        """Whether the same stream is only read otherwise: its end is not told, a lesson goes on."""
        wanted = self._wanted.get(reader.spec.camera_id)
        is_same = wanted is not None and wanted.room_id == reader.spec.room_id
        return is_same and not reader.state.ended

    def _start(self, spec: CameraSpec, before: RunningReader | None) -> RunningReader:
        if before is not None:
            state, number = before.state, before.number
            state.go_down("the camera was changed in the site file", "ended")
        else:
            state, number = self._new_state(spec), self._numbers[spec.camera_id] + 1
            self._numbers[spec.camera_id] = number
        state.alive(START_LIMIT_S)  # an old word does not count
        return self._build.start(spec, state, number)

    def _part_with(self, reader: RunningReader) -> None:
        """Its camera was removed or put into another room: tell the end of its stream."""
        if reader.spec.camera_id in self._silent:
            self._silent.remove(reader.spec.camera_id)
            return
        reader.state.end("the camera was removed from the site file")
        self._goodbyes.append((reader.state, GOODBYES))

    def _new_state(self, spec: CameraSpec) -> CameraState:
        """A fresh state, which tells how the camera's reader in another process ended."""
        state = self._build.state(spec)
        for cause, count in self._ended.pop(spec.camera_id, {}).items():
            for _ in range(count):
                state.connection_ended(cause)
            state.go_down("the process that read this camera was replaced", cause)
        return state

    # --- every second ----------------------------------------------------------------------

    def run(self, stop: threading.Event, next_order: Callable[[], Order | None]) -> None:
        """Follow the orders until stopped."""
        due_ns = self._monotonic_ns()
        while not stop.wait(POLL_S):
            if (order := next_order()) is not None:
                self.follow(order)
                due_ns = self._monotonic_ns()
            if self._monotonic_ns() < due_ns:
                continue
            # After a long wait for a server the missed statuses are left out, not caught up.
            due_ns = max(due_ns, self._monotonic_ns() - int(PERIOD_S * NS)) + int(PERIOD_S * NS)
            self.tick()

    def tick(self) -> None:
        """Tell the statuses, and see to readers that have ended."""
        self._arrange()
        offset_ms = self._offset_ms()
        for camera_id, reader in self._running.items():
            self._went_on_ns = self._monotonic_ns()  # a slow server is no standstill
            reader.flush_log()
            if camera_id not in self._silent and self._statuses.report(reader.state, offset_ms):
                self._silent.add(camera_id)
        self._went_on_ns = self._monotonic_ns()
        self._goodbyes = [
            (state, left - 1)
            for state, left in self._goodbyes
            if not self._statuses.report(state, offset_ms) and left > 1
        ]

    def shut_down(self) -> None:
        """Wait for the readers, then say for each camera that its stream was ended on purpose."""
        for reader in self._running.values():
            reader.leave()
        limit_ns = self._monotonic_ns() + int(LEAVE_S * NS)
        for reader in self._running.values():
            reader.join(max(0.0, (limit_ns - self._monotonic_ns()) / NS))
            reader.state.end("ingest was shut down")
        offset_ms = self._offset_ms()
        ending = [r.state for c, r in self._running.items() if c not in self._silent]
        for state in [*ending, *(state for state, _ in self._goodbyes)]:
            self._statuses.report(state, offset_ms)

    # --- seen from outside -----------------------------------------------------------------

    def report(self) -> GroupReport:
        """The condition of this group; from any thread."""
        shown, order = self._shown, self._order
        away = {
            "frames": any(reader.misses_frames_server for reader in shown),
            "faces": self._statuses.is_failing,
        }
        return GroupReport(
            cameras=tuple(reader.report() for reader in shown),
            order=order,
            finished=tuple(self._silent),
            readers={reader.spec.camera_id: reader.number for reader in shown},
            servers_away=tuple(server for server, is_away in away.items() if is_away),
            clock_offset_ms=self._offset_ms(),
            stalled_s=(self._monotonic_ns() - self._went_on_ns) / NS,
        )


@contextmanager
def open_group(
    settings: Settings,
    clocks: HostClocks = HostClocks(),  # noqa: B008  frozen
    rng: random.Random | None = None,
) -> Iterator[CameraGroup]:
    """A group without a camera, connected to the servers.

    Raises:
        SettingsError: a server's url is not set or is none.
    """
    cv2.setNumThreads(1)  # threads are for cameras; cv2's own would only compete with them
    rng = rng or random.Random()  # noqa: S311  jitter, no secret
    faces_url = with_timeout(settings.require_faces_url())
    with (
        connect(with_timeout(settings.require_frames_url())) as frames,
        connect(faces_url) as faces,
        connect(faces_url) as asked,
    ):
        build = ReaderFactory(frames, settings, clocks, rng)
        log = MinuteLog(clocks.monotonic_ns, server="faces")
        statuses = StatusPublisher(faces, build.rest(), log, clocks.utc_ns)
        clock = HostClock(asked, clocks.monotonic_ns, clocks.utc_ns)
        clock.start()
        try:
            yield CameraGroup(build, statuses, clock.offset_ms, clocks.monotonic_ns)
        finally:
            clock.stop()
