"""When each packet of a connection was captured, also where the stream itself does not say.

A stream without time stamps (MJPEG over HTTP), or one whose time stamps stand still, is dated by
arrival: worse by the network's jitter, but never wrong by hours.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import av

from ingest.errors import TimeBreakError
from ingest.stream.source import to_ns
from ingest.stream.timestamps import NS, StreamClock

STANDSTILL_NS: Final = 2 * NS
STANDSTILL_PACKETS: Final = 10


class Dating:
    """Dates the packets and frames of one connection.

    Args:
        by_arrival: the stream's own time stamps are of no use.
    """

    def __init__(self, *, by_arrival: bool = False) -> None:
        self.by_arrival = by_arrival
        self._clock = StreamClock()
        self._newest_ns: int | None = None
        self._moved_ns: int | None = None  # arrival of the packet that last moved time on
        self._stuck = 0
        self._mapped_ns = 0
        self._time_base: Fraction | None = None  # av makes a new one each time it is asked

    def date(self, packet: av.Packet[av.VideoStream], arrival_ns: int) -> int | None:
        """The packet's time in the stream; None: it has none.

        Raises:
            TimeBreakError: the time stamps jumped, stand still, or the stream lags behind.
        """
        if self.by_arrival:
            return arrival_ns
        if self._time_base is None:
            self._time_base = packet.time_base
        pts_ns = None if packet.pts is None else to_ns(packet.pts, self._time_base)
        self._watch(pts_ns, arrival_ns)
        if pts_ns is not None:
            self._clock.observe(pts_ns, arrival_ns)
        return pts_ns

    def captured_at(self, image: av.VideoFrame, arrival_ns: int) -> tuple[int, int] | None:
        """A frame's time in the stream and in UTC; None when it must be left out.

        Args:
            image: decoded from the packet that was dated last.
            arrival_ns: of that packet.
        """
        if self.by_arrival:
            is_new, self._mapped_ns = arrival_ns > self._mapped_ns, arrival_ns
            return (arrival_ns, arrival_ns) if is_new else None
        if image.pts is None or self._time_base is None:
            return None
        pts_ns = to_ns(image.pts, self._time_base)
        captured_at = self._clock.captured_at(pts_ns)
        return None if captured_at is None else (pts_ns, captured_at)

    def _watch(self, pts_ns: int | None, arrival_ns: int) -> None:
        """Notice time stamps that do not move."""
        if self._moved_ns is None:
            self._moved_ns = arrival_ns
        if pts_ns is not None and (self._newest_ns is None or pts_ns != self._newest_ns):
            self._newest_ns, self._moved_ns, self._stuck = pts_ns, arrival_ns, 0
            return
        self._stuck += 1
        if self._stuck >= STANDSTILL_PACKETS and arrival_ns - self._moved_ns >= STANDSTILL_NS:
            raise StandstillError


class StandstillError(TimeBreakError):
    """The time stamps do not move: the next connection is dated by arrival."""

    def __init__(self) -> None:
        super().__init__("the camera's time stamps stand still; its pictures are dated by arrival")
