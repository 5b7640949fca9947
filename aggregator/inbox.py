"""What has arrived for seconds that are not yet finalised: bounded, order-independent.

Of two records of one frame the better one stays, whatever order they came in.
"""

from __future__ import annotations

from typing import Final

import msgspec

from schemas.messages import CameraStatus, EndOfStream, FrameFaces

NS: Final = 1_000_000_000
MAX_LEAD_NS: Final = 1 * NS  # an entry moves the watermark at most this far ahead of itself
MAX_FUTURE_NS: Final = 10 * NS  # beyond, the time of a frame is nonsense
MAX_FRAMES: Final = 64  # of one camera in one second
MAX_STATUSES: Final = 2048  # of a room in one second

Status = CameraStatus | EndOfStream
_RANK: Final = {"analysed": 0, "expired": 1, "dead": 2}
_encode: Final = msgspec.msgpack.encode


class Second(msgspec.Struct):
    """What has arrived for one second."""

    frames: dict[str, FrameFaces] = {}  # by camera/epoch/seq
    per_camera: dict[str, int] = {}
    statuses: list[CameraStatus] = []
    ends: list[EndOfStream] = []

    def sorted_frames(self) -> list[FrameFaces]:
        """By captured_at, camera, epoch and seq."""
        return sorted(self.frames.values(), key=_frame_order)

    def sorted_statuses(self) -> list[CameraStatus]:
        """By time and camera."""
        return sorted(self.statuses, key=_status_order)

    def sorted_ends(self) -> list[EndOfStream]:
        """By time and camera."""
        return sorted(self.ends, key=_status_order)

    def put_frame(self, frame: FrameFaces) -> bool:
        """Keep the frame, or the better of two records of it; False: too many."""
        key = f"{frame.camera_id}/{frame.epoch}/{frame.seq}"
        before = self.frames.get(key)
        if before is None:
            held = self.per_camera.get(frame.camera_id, 0)
            if held >= MAX_FRAMES:
                return False
            self.per_camera[frame.camera_id] = held + 1
            self.frames[key] = frame
        elif frame != before:
            self.frames[key] = min(frame, before, key=_preference)
        return True

    def put_status(self, status: Status) -> bool:
        """Keep ingest's word; False: too many."""
        if len(self.statuses) + len(self.ends) >= MAX_STATUSES:
            return False
        if isinstance(status, CameraStatus):
            self.statuses.append(status)
        else:
            self.ends.append(status)
        return True


class Inbox(msgspec.Struct):
    """The seconds that wait."""

    seconds: dict[int, Second] = {}

    def put_frame(self, frame: FrameFaces) -> bool:
        """Keep a frame for its second; False: there are too many."""
        return self._second(frame.captured_at // NS).put_frame(frame)

    def put_status(self, status: Status, entry_ns: int, cursor: int) -> bool:
        """Keep a status for its second, or the next one that is open; False: too many."""
        second = max(min(status.at, entry_ns + MAX_LEAD_NS) // NS, cursor)
        return self._second(second).put_status(status)

    def take(self, second: int) -> Second:
        """What has arrived for a second, which is forgotten here."""
        return self.seconds.pop(second, None) or Second()

    def is_empty_before(self, end: int) -> bool:
        """Whether nothing waits for a second before `end`."""
        return not any(second < end for second in self.seconds)

    def _second(self, second: int) -> Second:
        return self.seconds.setdefault(second, Second())


def is_nonsense(frame: FrameFaces, entry_ns: int) -> bool:
    """Whether the frame's time or size cannot be."""
    return frame.captured_at > entry_ns + MAX_FUTURE_NS or min(frame.width, frame.height) < 1


def without_expressions(frame: FrameFaces) -> FrameFaces:
    """The frame as it is where policy locks expressions."""
    if all(face.expression is None for face in frame.faces):
        return frame
    bare = tuple(msgspec.structs.replace(face, expression=None) for face in frame.faces)
    return msgspec.structs.replace(frame, faces=bare)


def _frame_order(frame: FrameFaces) -> tuple[int, str, str, int]:
    return frame.captured_at, frame.camera_id, frame.epoch, frame.seq


def _status_order(status: Status) -> tuple[int, str, bytes]:
    return status.at, status.camera_id, _encode(status)


def _preference(frame: FrameFaces) -> tuple[int, int, bytes]:
    return _RANK[frame.outcome], frame.analysed_at, _encode(frame)
