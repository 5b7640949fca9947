"""What ingest says and sends of each camera, written down while it happens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from schemas.messages import CameraStatus, decode_frame, decode_room_message
from schemas.streams import faces_stream, frames_stream
from schemas.transport import Client, entry_time_ns, read_log, read_logs

_COUNT: Final = 200
_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """A frame on the frames server.

    Attributes:
        came_s: Unix time at which the server took it.
        at_s: Unix time at which it was captured.
    """

    epoch: str
    seq: int
    came_s: float
    at_s: float


@dataclass
class Sightings:
    """Everything seen of one camera, oldest first."""

    frames: list[SeenFrame] = field(default_factory=list)
    statuses: list[CameraStatus] = field(default_factory=list)


class FaultWatch:
    """Reads the frames of all cameras and their room's log; call `look` every second or so.

    Args:
        frames: client of the frames server.
        faces: client of the observations server.
        room_id: of the cameras.
        camera_ids: of the cameras.
    """

    def __init__(
        self, frames: Client, faces: Client, room_id: str, camera_ids: Iterable[str]
    ) -> None:
        self.seen: dict[str, Sightings] = {camera_id: Sightings() for camera_id in camera_ids}
        self._frames = frames
        self._faces = faces
        self._positions = {frames_stream(camera_id): "0" for camera_id in self.seen}
        self._positions[faces_stream(room_id)] = "0"
        self._room = faces_stream(room_id)

    def look(self) -> None:
        """Take note of what is new."""
        frames = {name: at for name, at in self._positions.items() if name != self._room}
        for entry in read_logs(self._frames, frames, count=_COUNT):
            self._positions[entry.stream] = entry.entry_id
            frame, _ = decode_frame(entry.fields)
            came_s = entry_time_ns(entry.entry_id) / _NS
            seen = SeenFrame(frame.epoch, frame.seq, came_s, frame.captured_at / _NS)
            self.seen[frame.camera_id].frames.append(seen)
        for entry in read_log(self._faces, self._room, self._positions[self._room], count=_COUNT):
            self._positions[self._room] = entry.entry_id
            message = decode_room_message(entry.fields)
            if isinstance(message, CameraStatus):
                self.seen[message.camera_id].statuses.append(message)
