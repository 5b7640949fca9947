"""Short films that tests write for themselves."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

BITS = 10


def write_film(
    path: Path,
    *,
    seconds: float = 1.0,
    fps: int = 10,
    size: tuple[int, int] = (320, 180),
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    gop: int = 10,
) -> Path:
    """A film whose frames carry their number (`frame_number`); H.264 unless told otherwise."""
    width, height = size
    ramp = np.linspace(20, 230, width, dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.codec_context.time_base = Fraction(1, fps)
        if codec == "libx264":
            stream.options = {"tune": "zerolatency", "g": str(gop), "threads": "1"}
        for index in range(round(seconds * fps)):
            rgb = np.empty((height, width, 3), np.uint8)
            rgb[...] = np.roll(ramp, index * 8)[None, :, None]
            for bit in range(BITS):
                rgb[:32, bit * width // BITS : (bit + 1) * width // BITS] = 235 * (index >> bit & 1)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pixel_format)
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def frame_number(rgb: NDArray[np.uint8]) -> int:
    """The number that `write_film` drew along the top of the picture."""
    width = rgb.shape[1]
    centres = [(2 * bit + 1) * width // (2 * BITS) for bit in range(BITS)]
    return sum(int(rgb[16, x].mean() > 118) << bit for bit, x in enumerate(centres))
