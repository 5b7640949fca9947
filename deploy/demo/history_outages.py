"""A camera that fails and comes back, in a log of one that does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from deploy.lesson.log import NS
from schemas.messages import CameraStatus, EndOfStream, FrameFaces, RoomMessage

CAUSE: Final = "dropped"


@dataclass(frozen=True)
class Connections:
    """The connections to one camera in one lesson; each has an epoch of its own and counts anew.

    Attributes:
        start_s: Unix time of the lesson's first second, and epoch of its first connection.
        outages: minutes (from, until) without a connection, in order.
        fps: frames a second of the log.
    """

    start_s: int
    outages: tuple[tuple[int, int], ...]
    fps: float

    def heard(self, message: RoomMessage) -> RoomMessage | None:
        """What is told instead of `message`; None: nothing."""
        if isinstance(message, FrameFaces):
            return self._frame(message)
        if isinstance(message, CameraStatus):
            return self._status(message)
        if isinstance(message, EndOfStream):
            return msgspec.structs.replace(message, epoch=self._epoch(self._at_s(message.at)))
        return message

    def _frame(self, frame: FrameFaces) -> FrameFaces | None:
        at_s = frame.seq / self.fps
        if self._outage(at_s) is not None:
            return None
        seq = frame.seq - self._first_frame(at_s)
        return msgspec.structs.replace(frame, epoch=self._epoch(at_s), seq=seq)

    def _status(self, status: CameraStatus) -> CameraStatus:
        at_s = self._at_s(status.at)
        outage = self._outage(at_s)
        if outage is None:
            last_seq = status.last_seq - self._first_frame(at_s)
            return msgspec.structs.replace(status, epoch=self._epoch(at_s), last_seq=last_seq)
        began_s = 60 * outage[0]
        return msgspec.structs.replace(
            status,
            state="down",
            reason="the camera closed the connection",
            cause=CAUSE,
            epoch=self._epoch(at_s),
            last_seq=round(began_s * self.fps) - 1 - self._first_frame(at_s),
            ended={CAUSE: 1} if int(at_s) == began_s else {},
        )

    def _at_s(self, at_ns: int) -> float:
        return (at_ns - self.start_s * NS) / NS

    def _outage(self, at_s: float) -> tuple[int, int] | None:
        return next((o for o in self.outages if 60 * o[0] <= at_s < 60 * o[1]), None)

    def _over(self, at_s: float) -> list[int]:
        """When the outages before ended, in seconds."""
        return [60 * end for _, end in self.outages if 60 * end <= at_s]

    def _epoch(self, at_s: float) -> str:
        return str(self.start_s + len(self._over(at_s)))

    def _first_frame(self, at_s: float) -> int:
        return round(max(self._over(at_s), default=0) * self.fps)
