"""Films as surveillance cameras send them, to be served by simulated ones: rendered once, kept.

What decoding costs depends on the bits, so the films have what costs bits in a real classroom:
noise of a sensor, people who move, 4 Mbit/s.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal, get_args

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from deploy.bench.scene import drawn_class
from workers.decode import decode_jpeg
from workers.weights import cache_folder

StreamName = Literal["plain", "bframes", "keys"]
STREAMS: Final = get_args(StreamName)
CAMERA_FPS: Final = 25
FILM_S: Final = 12
_VERSION: Final = 1  # of what follows: another one is rendered anew
_BIT_RATE: Final = 4_000_000
_PIXELS: Final = 1920 * 1080  # that have this bit rate
_STUDENTS: Final = 30
_SEED: Final = 5
_NOISES: Final = 16
_NOISE_LEVELS: Final = 2.5
_SWAY_PX: Final = 5.0
_SWAYS_HIGH: Final = 9
_SWAYS_WIDE: Final = 16
_SWAYING_SHARE: Final = 0.5
_SWAYS_IN_FILM: Final = 5

Plane = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class StreamShape:
    """How a camera codes its pictures.

    Attributes:
        gop_s: from one key picture to the next.
        b_frames: between two pictures that others are predicted from.
        analysis_fps: that the stream is usually read at.
        about: for people.
    """

    gop_s: float
    b_frames: int
    analysis_fps: float
    about: str


SHAPES: Final[dict[StreamName, StreamShape]] = {
    "plain": StreamShape(2.0, 0, 5.0, "IPPP, a key picture every 2 s"),
    "bframes": StreamShape(2.0, 3, 5.0, "3 of 4 pictures disposable (B), a key picture every 2 s"),
    "keys": StreamShape(1.0, 0, 1.0, "IPPP, a key picture every second"),
}


def camera_film(name: StreamName, width: int, height: int) -> Path:
    """The film of a stream, from the cache folder or rendered now (half a minute)."""
    folder = cache_folder() / "bench"
    path = folder / f"{name}-{width}x{height}-v{_VERSION}.mp4"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        _encode(part, SHAPES[name], width, height)
        part.replace(path)
    return path


def _encode(path: Path, shape: StreamShape, width: int, height: int) -> None:
    rate = _BIT_RATE * width * height // _PIXELS
    gop = round(shape.gop_s * CAMERA_FPS)
    options = {
        "preset": "veryfast",
        "profile": "main",
        "refs": "1",
        "bf": str(shape.b_frames),
        "maxrate": str(rate),
        "bufsize": str(rate),
        "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0"
        ":b-adapt=0:b-pyramid=none",
    }
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=CAMERA_FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = rate
        stream.codec_context.color_range = ColorRange.MPEG
        stream.codec_context.colorspace = Colorspace.ITU709
        for index, planes in enumerate(_pictures(width, height)):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, CAMERA_FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _pictures(width: int, height: int) -> Iterator[Plane]:
    """Y over U over V, limited range: a class that sways, seen through a noisy sensor."""
    still = decode_jpeg(drawn_class(_STUDENTS, width, height, 1)[0])
    rng = np.random.default_rng(_SEED)
    sway = _Sway(rng, width, height)
    noises = [
        np.rint(rng.normal(0, _NOISE_LEVELS, (height, width))).astype(np.int8)
        for _ in range(_NOISES)
    ]
    for index in range(FILM_S * CAMERA_FPS):
        planes = np.asarray(cv2.cvtColor(sway.at(still, index), cv2.COLOR_RGB2YUV_I420), np.uint8)
        luma = planes[:height]
        noise = np.roll(noises[index % _NOISES], int(rng.integers(width)), axis=1)
        cv2.add(luma, noise, dst=luma, dtype=cv2.CV_8U)
        yield planes


class _Sway:
    """Moves parts of a picture from side to side, each in its own time."""

    def __init__(self, rng: np.random.Generator, width: int, height: int) -> None:
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        self._x, self._y = x, y
        # Amplitude and phase as two smooth fields: a whole number of turns in the film's length.
        coarse = rng.normal(0, _SWAY_PX, (2, _SWAYS_HIGH, _SWAYS_WIDE)).astype(np.float32)
        coarse *= rng.random((1, _SWAYS_HIGH, _SWAYS_WIDE)) < _SWAYING_SHARE
        self._sine, self._cosine = (
            cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC) for field in coarse
        )

    def at(self, picture: Plane, index: int) -> Plane:
        turn = 2 * np.pi * _SWAYS_IN_FILM * index / (FILM_S * CAMERA_FPS)
        x = self._x + self._sine * np.float32(np.sin(turn))
        x += self._cosine * np.float32(np.cos(turn))
        return np.asarray(cv2.remap(picture, x, self._y, cv2.INTER_LINEAR), np.uint8)
