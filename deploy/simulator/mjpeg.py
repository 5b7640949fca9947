"""A film as a series of JPEGs, as older cameras send it over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import simplejpeg

BOUNDARY: Final = "picture"
_QUALITY: Final = 80
_MAX_PICTURES: Final = 3000


@dataclass(frozen=True)
class JpegFilm:
    """A film's pictures, each a JPEG."""

    pictures: tuple[bytes, ...]
    fps: Fraction

    async def parts(self, position_s: Callable[[], float]) -> AsyncIterator[bytes]:
        """Parts of a `multipart/x-mixed-replace` answer, each when it is due, for ever."""
        number = int(position_s() * self.fps) + 1
        while True:
            await asyncio.sleep(max(0.0, float(number / self.fps) - position_s()))
            jpeg = self.pictures[number % len(self.pictures)]
            head = (
                f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            )
            yield head.encode() + jpeg + b"\r\n"
            number += 1


def load_jpegs(path: Path) -> JpegFilm:
    """Decode a film and encode each picture anew; at most the first 3000."""
    pictures: list[bytes] = []
    with av.open(str(path)) as container:
        fps = container.streams.video[0].average_rate or Fraction(25)
        for frame in container.decode(video=0):
            rgb = frame.to_ndarray(format="rgb24")
            pictures.append(simplejpeg.encode_jpeg(rgb, quality=_QUALITY))
            if len(pictures) == _MAX_PICTURES:
                break
    return JpegFilm(tuple(pictures), fps)
