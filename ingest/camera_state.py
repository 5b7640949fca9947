"""What is known of one camera, shared by its reader thread and the thread that reports on it."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

from ingest.timestamps import NsClock
from schemas.messages import CameraStatus, EndOfStream

MS: Final = 1_000_000
NS: Final = 1_000_000_000
# Closing statuses of past epochs wait here while the faces server is away.
MAX_CLOSED: Final = 64


@dataclass
class CameraState:
    """Counters and condition of one camera; every method may be called from any thread."""

    room_id: str
    camera_id: str
    monotonic_ns: NsClock
    epoch: str = ""
    state: Literal["up", "down"] = "down"
    reason: str = "connecting for the first time"
    last_seq: int = -1
    refused: int = 0
    ended: bool = False
    _max_gap_ns: int = 0
    _heard_ns: int | None = None
    _deadline_ns: int | None = None
    _closed: deque[CameraStatus] = field(default_factory=lambda: deque(maxlen=MAX_CLOSED))
    _lock: threading.Lock = field(default_factory=threading.Lock)

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

    def heard(self) -> None:
        """A frame arrived."""
        with self._lock:
            now_ns = self.monotonic_ns()
            if self._heard_ns is not None:
                self._max_gap_ns = max(self._max_gap_ns, now_ns - self._heard_ns)
            self._heard_ns = now_ns

    def begin_epoch(self, epoch: str, at: int) -> None:
        """The camera gives frames; the last epoch's final counters wait to be reported."""
        with self._lock:
            if self.epoch:
                self._closed.append(self._status(at, gap_ns=0))
            self.epoch, self.state, self.reason = epoch, "up", ""
            self.last_seq, self.refused = -1, 0

    def next_seq(self) -> int:
        """The number of a newly sampled frame."""
        with self._lock:
            self.last_seq += 1
            return self.last_seq

    def count_refused(self) -> None:
        """The frames server did not take the newest frame."""
        with self._lock:
            self.refused += 1

    def go_down(self, reason: str) -> None:
        """The connection is over."""
        with self._lock:
            self.state, self.reason = "down", reason[:500]

    def end(self, reason: str) -> None:
        """The camera is closed on purpose."""
        with self._lock:
            self.state, self.reason, self.ended = "down", reason[:500], True

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

    def take_status(self, at: int) -> CameraStatus:
        """The status now; the longest gap starts anew, a silence that lasts counts already."""
        with self._lock:
            silence_ns = 0 if self._heard_ns is None else self.monotonic_ns() - self._heard_ns
            gap_ns = max(self._max_gap_ns, silence_ns)
            self._max_gap_ns = 0
            return self._status(at, gap_ns)

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

    def _status(self, at: int, gap_ns: int) -> CameraStatus:
        return CameraStatus(
            room_id=self.room_id,
            camera_id=self.camera_id,
            at=at,
            state=self.state,
            epoch=self.epoch,
            last_seq=self.last_seq,
            refused=self.refused,
            max_gap_ms=gap_ns // MS,
            reason=self.reason,
        )
