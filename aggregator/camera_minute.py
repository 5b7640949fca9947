"""What is counted of one camera in one minute, until it becomes a row of `camera_minutes`."""

from __future__ import annotations

from typing import Final

import msgspec

from aggregator.rows import CameraMinuteRow
from aggregator.windows import percentile
from schemas.messages import CameraStatus, FrameFaces

_MAX_LATENCIES: Final = 2_000
_MAX_CAUSES: Final = 32
_OTHER: Final = "other"
_INT32: Final = 2**31 - 1
_INT16: Final = 2**15 - 1


class CameraMinute(msgspec.Struct):
    """Counts of the minute that is being filled.

    Attributes:
        watched_s: seconds in which frames were due.
        reconnects: new epochs; counts where ingest does not tell how connections end.
        causes: connections that ended, by ingest's word.
        clock_offset_ms: of the ingest machine, the largest.
        camera_offset_ms: of the camera itself, the last.
    """

    watched_s: int = 0
    analysed: int = 0
    expired: int = 0
    dead: int = 0
    late: int = 0
    refused: int = 0
    down_s: int = 0
    frozen_s: int = 0
    reconnects: int = 0
    causes: dict[str, int] = {}
    max_gap_ms: int = 0
    clock_offset_ms: int | None = None
    camera_offset_ms: int | None = None
    faces: int = 0
    latencies_ms: list[int] = []

    def add_frame(self, frame: FrameFaces, *, late: bool) -> None:
        """Count a frame that was not known before."""
        if frame.outcome == "analysed":
            self.analysed += 1
            self.late += late
            self.faces += len(frame.faces)
            if frame.analysed_at and len(self.latencies_ms) < _MAX_LATENCIES:
                latency_ms = (frame.analysed_at - frame.captured_at) // 1_000_000
                self.latencies_ms.append(min(max(latency_ms, 0), _INT32))
        elif frame.outcome == "expired":
            self.expired += 1
        else:
            self.dead += 1

    def add_ended(self, ended: dict[str, int]) -> None:
        """Count connections that ended; those that were closed on purpose are none of them."""
        for cause, count in sorted(ended.items()):
            if cause == "ended" or count <= 0:
                continue
            full = len(self.causes) >= _MAX_CAUSES and cause not in self.causes
            word = _OTHER if full else cause
            self.causes[word] = min(self.causes.get(word, 0) + count, _INT16)

    def add_clocks(self, status: CameraStatus) -> None:
        """Remember what the status tells of clocks."""
        host_ms, camera_ms = status.clock_offset_ms, status.camera_offset_ms
        if host_ms is not None and abs(host_ms) > abs(self.clock_offset_ms or 0):
            self.clock_offset_ms = _int32(host_ms)
        elif host_ms is not None and self.clock_offset_ms is None:
            self.clock_offset_ms = 0
        if camera_ms is not None:
            self.camera_offset_ms = _int32(camera_ms)

    def row(
        self, minute: int, site: str, camera: str, *, fps: float, lost: int, causes_told: bool
    ) -> CameraMinuteRow:
        """The minute as a row.

        Args:
            minute: its first second, Unix time.
            site: slug.
            camera: slug.
            fps: frames that are due in a second.
            lost: frames of which nobody reported.
            causes_told: ingest tells how connections end, so that new epochs need no counting.
        """
        latencies = self.latencies_ms
        reconnects = sum(self.causes.values()) if causes_told else self.reconnects
        return CameraMinuteRow(
            minute=minute,
            site=site,
            camera=camera,
            frames_exp=round(fps * self.watched_s),
            frames_published=self.analysed + self.expired + self.dead + lost,
            frames_analysed=self.analysed,
            frames_expired=self.expired,
            frames_dead=self.dead,
            frames_lost=lost,
            frames_refused=self.refused,
            frames_late=self.late,
            down_s=self.down_s,
            frozen_s=self.frozen_s,
            reconnects=min(reconnects, _INT16),
            reconnect_causes=dict(sorted(self.causes.items())) or None,
            max_gap_ms=self.max_gap_ms,
            lat_p50_ms=round(percentile(latencies, 0.5)) if latencies else None,
            lat_p99_ms=round(percentile(latencies, 0.99)) if latencies else None,
            clock_offset_ms=self.clock_offset_ms,
            camera_offset_ms=self.camera_offset_ms,
            faces=self.faces / self.analysed if self.analysed else None,
        )


def _int32(value: int) -> int:
    return min(max(value, -_INT32), _INT32)
