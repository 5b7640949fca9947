"""What is known of one camera, shared by its reader thread and the thread that reports on it."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Final

import msgspec

from ingest.camera_report import CameraReport, RefusalCause, Stage
from ingest.errors import Cause
from ingest.stage_timer import StageTimer
from ingest.stream.timestamps import NsClock
from schemas.messages import CameraStatus, EndOfStream

MS: Final = 1_000_000
NS: Final = 1_000_000_000
# Closing statuses of past epochs wait here while the faces server is away.
MAX_CLOSED: Final = 64
# A camera that is up and gives no picture for so long is down, whatever its reader waits for. It is
# told once a second: within 5 s in all.
SILENT_NS: Final = 4_000_000_000


@dataclass
class CameraState:
    """Counters and condition of one camera; every method may be called from any thread."""

    room_id: str
    camera_id: str
    monotonic_ns: NsClock
    _report: CameraReport = field(init=False)
    last_seq: int = -1
    refused: int = 0  # of this epoch
    ended: bool = False
    _new_ends: dict[str, int] = field(default_factory=dict)
    _max_gap_ns: int = 0
    _heard_ns: int | None = None
    _received_ns: int = 0
    _is_missed: bool = False  # told as down by `_miss_if_silent`; the connection goes on
    _deadline_ns: int | None = None
    _closed: deque[CameraStatus] = field(default_factory=lambda: deque(maxlen=MAX_CLOSED))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self._report = CameraReport(
            room_id=self.room_id,
            camera_id=self.camera_id,
            state="down",
            reason="connecting for the first time",
        )

    @property
    def epoch(self) -> str:
        """Of the connection that gave frames last; empty before the first."""
        return self._report.epoch

    @property
    def is_up(self) -> bool:
        """Whether the camera gives frames."""
        return self._report.state == "up"

    # --- the reader's word -----------------------------------------------------------------

    def alive(self, again_within_s: float) -> None:
        """The reader lives, and shall say so again within so many seconds."""
        with self._lock:
            self._deadline_ns = self.monotonic_ns() + int(again_within_s * NS)

    def overdue_s(self) -> float:
        """Seconds by which the reader missed its word; 0 or less while it keeps it."""
        with self._lock:
            if self._deadline_ns is None or self.ended:
                return 0.0
            return (self.monotonic_ns() - self._deadline_ns) / NS

    # --- what the reader counts ------------------------------------------------------------

    def heard(self) -> None:
        """A picture arrived that can be used, or that is left out on purpose."""
        with self._lock:
            now_ns = self.monotonic_ns()
            if self._heard_ns is not None:
                self._max_gap_ns = max(self._max_gap_ns, now_ns - self._heard_ns)
            self._heard_ns = now_ns
            if self._is_missed:
                self._is_missed = False
                self._report.state, self._report.reason, self._report.cause = "up", "", ""

    def received(self, size_bytes: int) -> None:
        """A coded picture arrived."""
        with self._lock:
            self._received_ns = self.monotonic_ns()
            self._report.packets += 1
            self._report.bytes += size_bytes

    def count_decoded(self, pictures: int) -> None:
        """So many pictures came out of the decoder."""
        with self._lock:
            self._report.decoded += pictures

    def tell_decoding(self, decoding: str, decoder: str) -> None:
        """Which pictures are decoded, and by what."""
        with self._lock:
            self._report.decoding, self._report.decoder = decoding, decoder

    def tell_camera_offset(self, offset_s: float | None) -> None:
        """The camera's own clock less `captured_at`, seconds."""
        with self._lock:
            self._report.camera_offset_s = offset_s

    def stage(self, name: Stage) -> StageTimer:
        """Count the processor time of this thread that is spent inside a `with`."""
        return StageTimer(self.spend, name)

    def spend(self, name: Stage, cpu_s: float) -> None:
        """Count processor time."""
        with self._lock:
            self._report.cpu_s[name] = self._report.cpu_s.get(name, 0.0) + cpu_s

    def next_seq(self) -> int:
        """The number of a newly sampled frame."""
        with self._lock:
            self.last_seq += 1
            self._report.sampled += 1
            return self.last_seq

    def count_published(self) -> None:
        """The frames server has the newest frame."""
        with self._lock:
            self._report.published += 1

    def count_refused(self, cause: RefusalCause) -> None:
        """The frames server did not get the newest frame."""
        with self._lock:
            self.refused += 1
            self._report.refused[cause] = self._report.refused.get(cause, 0) + 1

    # --- the camera's condition ------------------------------------------------------------

    def begin_epoch(self, epoch: str, at: int) -> None:
        """The camera gives frames; the last epoch's final counters wait to be reported."""
        with self._lock:
            if self.epoch:
                self._closed.append(self._status(at, gap_ns=0, ended={}))
            report = self._report
            report.epoch, report.state, report.reason, report.cause = epoch, "up", "", ""
            self._is_missed = False
            self.last_seq, self.refused = -1, 0

    def go_down(self, reason: str, cause: Cause) -> None:
        """It gives no frames; the connection may go on (a frozen picture)."""
        with self._lock:
            report = self._report
            report.state, report.reason, report.cause = "down", reason[:500], cause
            self._is_missed = False

    def connection_ended(self, cause: Cause) -> None:
        """A connection, or the attempt at one, is over."""
        with self._lock:
            for counts in (self._report.ended, self._new_ends):
                counts[cause] = counts.get(cause, 0) + 1
            self._report.camera_offset_s = None

    def end(self, reason: str) -> None:
        """The camera is closed on purpose."""
        with self._lock:
            self.go_down(reason, "ended")
            self.ended = True

    # --- reporting -------------------------------------------------------------------------

    def take_closed(self) -> CameraStatus | None:
        """The oldest final status of a past epoch that was not reported yet."""
        with self._lock:
            return self._closed.popleft() if self._closed else None

    def put_back(self, status: CameraStatus) -> None:
        """`status` could not be reported: what it alone knows is kept for the next one."""
        with self._lock:
            if status.epoch != self.epoch and len(self._closed) < MAX_CLOSED:
                self._closed.appendleft(status)
            self._max_gap_ns = max(self._max_gap_ns, status.max_gap_ms * MS)
            for cause, count in status.ended.items():
                self._new_ends[cause] = self._new_ends.get(cause, 0) + count
            self._report.statuses_lost += 1

    def take_status(self, at: int, clock_offset_ms: int | None = None) -> CameraStatus:
        """The status now; the longest gap starts anew, a silence that lasts counts already."""
        with self._lock:
            self._miss_if_silent()
            gap_ns, self._max_gap_ns = max(self._max_gap_ns, self._silence_ns() or 0), 0
            self._report.gap_s = gap_ns / NS
            ended, self._new_ends = self._new_ends, {}
            return self._status(at, gap_ns, ended, clock_offset_ms)

    def report(self) -> CameraReport:
        """A copy of everything, for the process that watches over this one."""
        with self._lock:
            silence_ns = self._silence_ns()
            return msgspec.structs.replace(
                self._report,
                ended=dict(self._report.ended),
                refused=dict(self._report.refused),
                cpu_s=dict(self._report.cpu_s),
                frame_age_s=None if silence_ns is None else silence_ns / NS,
                overdue_s=max(0.0, self.overdue_s()),
            )

    def end_of_stream(self, at: int) -> EndOfStream:
        """The message that says that this camera was closed on purpose."""
        with self._lock:
            return EndOfStream(
                room_id=self.room_id,
                camera_id=self.camera_id,
                at=at,
                epoch=self.epoch,
                last_seq=self.last_seq,
            )

    def _miss_if_silent(self) -> None:
        """The watchdog outside the library: its reader may still be blocked in a read."""
        silence_ns = self._silence_ns()
        if not self.is_up or silence_ns is None or silence_ns <= SILENT_NS:
            return
        if self.monotonic_ns() - self._received_ns > SILENT_NS:
            self.go_down("nothing has come from the camera for some seconds", "silent")
        else:
            self.go_down("the camera sends data, but no picture that can be decoded", "no_picture")
        self._is_missed = True

    def _silence_ns(self) -> int | None:
        return None if self._heard_ns is None else self.monotonic_ns() - self._heard_ns

    def _status(
        self, at: int, gap_ns: int, ended: dict[str, int], clock_offset_ms: int | None = None
    ) -> CameraStatus:
        report = self._report
        camera_offset_s = report.camera_offset_s
        return CameraStatus(
            room_id=self.room_id,
            camera_id=self.camera_id,
            at=at,
            state=report.state,
            epoch=report.epoch,
            last_seq=self.last_seq,
            refused=self.refused,
            max_gap_ms=gap_ns // MS,
            reason=report.reason,
            cause=report.cause,
            ended=ended,
            clock_offset_ms=clock_offset_ms,
            camera_offset_ms=None if camera_offset_s is None else round(camera_offset_s * 1000),
        )
