"""Every frame of a camera accounted for: published = analysed + expired + dead + lost.

`lost` is what nobody reported: gaps in `seq`, known from later frames and from the `last_seq` of
ingest's status. A record that comes behind the watermark moves its frame from lost to late. Where
the minute that counted it as lost is written already, the next one takes it back, if need be below
0: over any two minutes, and so over a lesson, the sums are exact.
"""

from __future__ import annotations

from typing import Final

import msgspec

from aggregator.camera_minute import CameraMinute
from aggregator.endings import Endings
from aggregator.rows import CameraMinuteRow
from schemas.messages import MAX_CLOCK_OFFSET_MS, CameraStatus, EndOfStream, FrameFaces

_EPOCHS_KEPT: Final = 3
_MISSING_KEPT: Final = 512
_MAX_GAP: Final = 100_000  # a larger step in seq is nonsense, not loss
_STALE_STATUS_S: Final = 5
_STALE_CLOCK_S: Final = 60
_INT32: Final = 2**31 - 1


class EpochCount(msgspec.Struct):
    """Which frames of one connection were heard of."""

    next_seq: int
    reported_seq: int = -1  # newest sampled, by ingest's last word
    settled_seq: int = -1  # the same, one second ago
    refused: int = 0
    missing: list[int] = []  # the newest frames that nobody reported so far


class Ledger(msgspec.Struct):
    """The books of one camera."""

    epochs: dict[str, EpochCount] = {}
    lost: int = 0  # of this minute; below 0: an earlier one counted too many
    refused_ahead: int = 0  # refused frames whose gap was not met yet
    is_up: bool = False
    is_frozen: bool = False  # down because its picture does not change
    status_at: int = 0  # second of the last status
    clock_good_at: int = 0  # first second in which its machine's clock may be trusted again
    endings: Endings = msgspec.field(default_factory=Endings)
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
        self.minute.add_frame(frame, late=late)
        return True

    def status(self, second: int, status: CameraStatus | EndOfStream) -> None:
        """Enter ingest's word."""
        self.status_at = max(self.status_at, second)
        self.is_up = isinstance(status, CameraStatus) and status.state == "up"
        self.is_frozen = False
        if status.epoch:
            count = self._epoch(status.epoch, first_seq=status.last_seq + 1)
            count.reported_seq = max(count.reported_seq, status.last_seq)
        if isinstance(status, CameraStatus):
            self._status(second, status)

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
        self.minute.frozen_s += expected and self.is_frozen and not self._is_stale(second)

    @property
    def has_news(self) -> bool:
        """Whether there is anything to say about this minute."""
        known = bool(self.epochs or self.status_at)
        return known and (self.minute != CameraMinute() or self.lost != 0)

    def is_down(self, second: int) -> bool:
        """Whether ingest says so, or says nothing any more."""
        return not self.is_up or self._is_stale(second)

    def is_clock_off(self, second: int) -> bool:
        """Whether its times may not be compared with another camera's, by ingest's word."""
        return second < self.clock_good_at

    def close_minute(self, minute: int, site: str, camera: str, fps: float) -> CameraMinuteRow:
        """The row of the minute that ends, and a fresh one."""
        done, self.minute = self.minute, CameraMinute()
        by_refusal = min(self.refused_ahead, max(self.lost, 0))
        self.refused_ahead -= by_refusal
        lost, self.lost = self.lost - by_refusal, 0
        causes_told = self.endings.are_told
        return done.row(minute, site, camera, fps=fps, lost=lost, causes_told=causes_told)

    def _is_stale(self, second: int) -> bool:
        return second - self.status_at > _STALE_STATUS_S

    def _status(self, second: int, status: CameraStatus) -> None:
        minute = self.minute
        self.is_frozen = status.state == "down" and status.cause == "frozen"
        minute.max_gap_ms = min(max(minute.max_gap_ms, status.max_gap_ms), _INT32)
        minute.add_ended(self.endings.news(status))
        minute.add_clocks(status)
        if status.clock_offset_ms is not None:
            is_off = abs(status.clock_offset_ms) > MAX_CLOCK_OFFSET_MS
            self.clock_good_at = second + _STALE_CLOCK_S if is_off else 0
        if status.epoch:
            count = self._epoch(status.epoch, first_seq=status.last_seq + 1)
            refused = max(0, status.refused - count.refused)
            count.refused += refused
            minute.refused += refused
            self.refused_ahead += refused

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
