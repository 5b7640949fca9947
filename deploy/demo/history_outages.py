"""A camera that fails and comes back, in a log of one that does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from deploy.demo.history_plan import MINUTES, HistoryLesson
from deploy.lesson.log import NS
from schemas.messages import CameraStatus, EndOfStream, FrameFaces, RoomMessage

CAUSE: Final = "dropped"


@dataclass(frozen=True)
class Connections:
    """The connections to one camera in one lesson; each has an epoch of its own and counts anew.

    Attributes:
        start_s: Unix time of the lesson's first second.
        outages: minutes (from, until) without a connection, in order.
        fps: frames a second of the log.
        epoch, seq: number of the connection that there is when the lesson begins, and of its first
            frame in the lesson.
    """

    start_s: int
    outages: tuple[tuple[int, int], ...]
    fps: float
    epoch: int = 1
    seq: int = 0

    def after(self, minutes: int) -> tuple[int, int]:
        """`epoch` and `seq` of the lesson after this one of so many minutes."""
        at_s = 60.0 * minutes
        return self.epoch + len(self._over(at_s)), self._seq(round(at_s * self.fps), at_s)

    def heard(self, message: RoomMessage) -> RoomMessage | None:
        """What is told instead of `message`; None: nothing."""
        if isinstance(message, FrameFaces):
            return self._frame(message)
        if isinstance(message, CameraStatus):
            return self._status(message)
        return None if isinstance(message, EndOfStream) else message  # it stays connected

    def _frame(self, frame: FrameFaces) -> FrameFaces | None:
        at_s = frame.seq / self.fps
        if self._outage(at_s) is not None:
            return None
        seq = self._seq(frame.seq, at_s)
        return msgspec.structs.replace(frame, epoch=self._epoch(at_s), seq=seq)

    def _status(self, status: CameraStatus) -> CameraStatus:
        at_s = (status.at - self.start_s * NS) / NS
        outage = self._outage(at_s)
        if outage is None:
            last_seq = self._seq(status.last_seq, at_s)
            return msgspec.structs.replace(status, epoch=self._epoch(at_s), last_seq=last_seq)
        began_s = 60 * outage[0]
        return msgspec.structs.replace(
            status,
            state="down",
            reason="the camera closed the connection",
            cause=CAUSE,
            epoch=self._epoch(at_s),
            last_seq=self._seq(round(began_s * self.fps) - 1, at_s),
            ended={CAUSE: 1} if int(at_s) == began_s else {},
        )

    def _outage(self, at_s: float) -> tuple[int, int] | None:
        return next((o for o in self.outages if 60 * o[0] <= at_s < 60 * o[1]), None)

    def _over(self, at_s: float) -> list[int]:
        """When the outages before ended, in seconds."""
        return [60 * end for _, end in self.outages if 60 * end <= at_s]

    def _epoch(self, at_s: float) -> str:
        return f"{self.epoch + len(self._over(at_s)):06}"  # of any two, the later is the greater

    def _seq(self, frame: int, at_s: float) -> int:
        """Number of a frame of the lesson in its connection."""
        over = self._over(at_s)
        return frame - round(over[-1] * self.fps) if over else self.seq + frame


def connections(lessons: Sequence[HistoryLesson], fps: float) -> list[Connections]:
    """Of a room's lessons, in order: the camera stays connected from one to the next."""
    found: list[Connections] = []
    epoch, seq = 1, 0
    for lesson in lessons:
        found.append(Connections(lesson.start_s, lesson.outages, fps, epoch, seq))
        epoch, seq = found[-1].after(MINUTES) if lesson.is_seen else (epoch + 1, 0)
    return found
