"""Every frame of a camera accounted for: published = analysed + expired + dead + lost.

`lost` is what nobody reported: gaps in `seq`, known from later frames and from the `last_seq` of
ingest's status. A record that comes behind the watermark moves its frame from lost to late.
"""

from __future__ import annotations

from typing import Final

import msgspec

from aggregator.rows import CameraMinuteRow
from aggregator.windows import percentile
from schemas.messages import CameraStatus, EndOfStream, FrameFaces

_EPOCHS_KEPT: Final = 3
_MISSING_KEPT: Final = 512
_MAX_GAP: Final = 100_000  # a larger step in seq is nonsense, not loss
_MAX_LATENCIES: Final = 2_000
_STALE_STATUS_S: Final = 5
_INT32: Final = 2**31 - 1
_INT16: Final = 2**15 - 1


class EpochCount(msgspec.Struct):
    """Which frames of one connection were heard of."""

    next_seq: int
    reported_seq: int = -1  # newest sampled, by ingest's last word
    settled_seq: int = -1  # the same, one second ago
    refused: int = 0
    missing: list[int] = []  # the newest frames that nobody reported so far


class CameraMinute(msgspec.Struct):
    """Counts of the minute that is being filled."""

    watched_s: int = 0
    analysed: int = 0
    expired: int = 0
    dead: int = 0
    late: int = 0
    refused: int = 0
    down_s: int = 0
    reconnects: int = 0
    max_gap_ms: int = 0
    faces: int = 0
    latencies_ms: list[int] = []


class Ledger(msgspec.Struct):
    """The books of one camera."""

    epochs: dict[str, EpochCount] = {}
    lost: int = 0  # of this minute; below 0 after late records of an earlier one
    refused_ahead: int = 0  # refused frames whose gap was not met yet
    is_up: bool = False
    status_at: int = 0  # second of the last status
    minute: CameraMinute = msgspec.field(default_factory=CameraMinute)

    def record(self, frame: FrameFaces, *, late: bool = False) -> bool:
        """Enter what a worker says about a frame; False for one that was known already."""
        count = self._epoch(frame.epoch, first_seq=frame.seq)
        if frame.seq >= count.next_seq:
            self._open_gap(count, frame.seq)
            count.next_seq = frame.seq + 1
        elif frame.seq in count.missing:
            count.missing.remove(frame.seq)
            self.lost -= 1
        else:
            return False
        minute = self.minute
        if frame.outcome == "analysed":
            minute.analysed += 1
            minute.late += late
            minute.faces += len(frame.faces)
            if frame.analysed_at and len(minute.latencies_ms) < _MAX_LATENCIES:
                latency_ms = (frame.analysed_at - frame.captured_at) // 1_000_000
                minute.latencies_ms.append(min(max(latency_ms, 0), _INT32))
        elif frame.outcome == "expired":
            minute.expired += 1
        else:
            minute.dead += 1
        return True

    def status(self, second: int, status: CameraStatus | EndOfStream) -> None:
        """Enter ingest's word."""
        self.status_at = max(self.status_at, second)
        self.is_up = isinstance(status, CameraStatus) and status.state == "up"
        if status.epoch:
            count = self._epoch(status.epoch, first_seq=status.last_seq + 1)
            count.reported_seq = max(count.reported_seq, status.last_seq)
        if isinstance(status, CameraStatus):
            self.minute.max_gap_ms = min(max(self.minute.max_gap_ms, status.max_gap_ms), _INT32)
            if status.epoch:
                refused = max(0, status.refused - count.refused)
                count.refused += refused
                self.minute.refused += refused
                self.refused_ahead += refused

    def settle(self, second: int, *, expected: bool) -> None:
        """End of a second: what ingest sampled a second ago and nobody reported is lost.

        `expected` is False after a clean end of the stream: then no frames are due.
        """
        for count in self.epochs.values():
            if count.settled_seq >= count.next_seq:
                self._open_gap(count, count.settled_seq + 1)
                count.next_seq = count.settled_seq + 1
            count.settled_seq = count.reported_seq
        self.minute.watched_s += expected
        self.minute.down_s += expected and self.is_down(second)

    @property
    def has_news(self) -> bool:
        """Whether there is anything to say about this minute."""
        known = bool(self.epochs or self.status_at)
        return known and (self.minute != CameraMinute() or self.lost > 0)

    def is_down(self, second: int) -> bool:
        """Whether ingest says so, or says nothing any more."""
        return not self.is_up or second - self.status_at > _STALE_STATUS_S

    def close_minute(self, minute: int, site: str, camera: str, fps: float) -> CameraMinuteRow:
        """The row of the minute that ends, and a fresh one."""
        done, self.minute = self.minute, CameraMinute()
        by_refusal = min(self.refused_ahead, max(self.lost, 0))
        self.refused_ahead -= by_refusal
        lost = max(self.lost - by_refusal, 0)
        self.lost = min(self.lost, 0)
        latencies = done.latencies_ms
        return CameraMinuteRow(
            minute=minute,
            site=site,
            camera=camera,
            frames_exp=round(fps * done.watched_s),
            frames_published=done.analysed + done.expired + done.dead + lost,
            frames_analysed=done.analysed,
            frames_expired=done.expired,
            frames_dead=done.dead,
            frames_lost=lost,
            frames_refused=done.refused,
            frames_late=done.late,
            down_s=done.down_s,
            reconnects=min(done.reconnects, _INT16),
            max_gap_ms=done.max_gap_ms,
            lat_p50_ms=round(percentile(latencies, 0.5)) if latencies else None,
            lat_p99_ms=round(percentile(latencies, 0.99)) if latencies else None,
            faces=done.faces / done.analysed if done.analysed else None,
        )

    def _epoch(self, epoch: str, first_seq: int) -> EpochCount:
        """The count of an epoch; one that began before our first sight starts where we came in."""
        count = self.epochs.get(epoch)
        if count is None:
            newest = max(self.epochs, default="")
            count = EpochCount(next_seq=0 if self.epochs and epoch > newest else first_seq)
            self.minute.reconnects += bool(self.epochs)
            self.epochs[epoch] = count
            self.epochs = dict(sorted(self.epochs.items())[-_EPOCHS_KEPT:])
        return count

    def _open_gap(self, count: EpochCount, upto_seq: int) -> None:
        """Count the frames from `next_seq` to before `upto_seq` as lost, until they turn up."""
        gap = upto_seq - count.next_seq
        if not 0 < gap <= _MAX_GAP:
            return
        self.lost += gap
        newest = range(max(count.next_seq, upto_seq - _MISSING_KEPT), upto_seq)
        count.missing = [*count.missing, *newest][-_MISSING_KEPT:]
