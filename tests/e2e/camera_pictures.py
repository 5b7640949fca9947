"""Frames as ingest would publish them, made from a simulated film."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import av
import redis
import simplejpeg

from deploy.simulator.film import CameraFilm
from schemas.messages import Frame, encode
from schemas.streams import frames_stream

QUALITY = 85


def picture(film: CameraFilm, at_s: float) -> tuple[bytes, int, int]:
    """JPEG, width and height of one moment of a film."""
    with av.open(str(film.film_path)) as container:
        for frame in container.decode(video=0):
            if frame.time is not None and frame.time >= at_s:
                rgb = frame.to_ndarray(format="rgb24")
                return simplejpeg.encode_jpeg(rgb, quality=QUALITY), frame.width, frame.height
    raise ValueError(f"the film is shorter than {at_s:g} s")


@dataclass
class FakeCamera:
    """Publishes one picture again and again, each time as a new frame."""

    client: redis.Redis
    film: CameraFilm
    at_s: float = 10.0
    seq: int = 0
    published_s: float = 0.0
    _picture: tuple[bytes, int, int] = field(init=False)

    def __post_init__(self) -> None:
        self._picture = picture(self.film, self.at_s)

    def header(self, camera_id: str | None = None) -> Frame:
        """The next frame's header."""
        _, width, height = self._picture
        seq, self.seq = self.seq, self.seq + 1
        return Frame(
            room_id=self.film.room_id,
            camera_id=camera_id or self.film.camera_id,
            epoch="e1",
            seq=seq,
            captured_at=time.time_ns(),
            width=width,
            height=height,
        )

    @property
    def jpeg(self) -> bytes:
        return self._picture[0]

    def add(self, fields: dict[bytes, bytes]) -> str:
        entry_id = self.client.xadd(frames_stream(self.film.camera_id), dict(fields))
        return entry_id.decode()

    def good(self) -> int:
        """Publish a good frame; its seq."""
        header = self.header()
        self.add(encode(header, self.jpeg))
        return header.seq
