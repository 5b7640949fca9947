"""Films of each kind that a camera sends, and simulated cameras in a thread of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np

from deploy.simulator.camera_loop import CameraLoop

STRIPS = 6  # the picture's number is painted as bits


def numbered_film(
    path: Path,
    codec: str = "libx264",
    *,
    pictures: int = 50,
    fps: int = 25,
    size: tuple[int, int] = (160, 96),
    b_frames: int = 0,
    gop: int = 10,
) -> Path:
    """A film whose pictures tell their own number, modulo 64."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.gop_size = gop
        stream.codec_context.max_b_frames = b_frames
        stream.codec_context.thread_count = 1
        stream.options = {
            "libx264": {"preset": "veryfast", "sc_threshold": "0"},
            "libx265": {
                "preset": "ultrafast",
                "x265-params": f"log-level=error:pools=none:bframes={b_frames}:keyint={gop}",
            },
        }.get(codec, {})
        for number in range(pictures):
            frame = av.VideoFrame.from_ndarray(painted(number, size), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def painted(number: int, size: tuple[int, int]) -> np.ndarray:
    width, height = size
    image = np.full((height, width, 3), 30, np.uint8)
    strip = height // STRIPS
    for bit in range(STRIPS):
        if number >> bit & 1:
            image[bit * strip : (bit + 1) * strip] = 220
    return image


def number_of(frame: av.VideoFrame) -> int:
    """The number that `numbered_film` painted."""
    return number_in(frame.to_ndarray(format="gray"))


def number_in(grey: np.ndarray) -> int:
    height, width = grey.shape
    strip = height // STRIPS
    rows = grey[strip // 2 :: strip, width // 2]
    return sum(1 << bit for bit in range(STRIPS) if rows[bit] > 128)


class Serving(Protocol):
    """What can be started and stopped in an event loop."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


@contextmanager
def camera_thread(*servers: Serving) -> Iterator[CameraLoop]:
    """Servers run inside; `run` speaks to them."""
    with CameraLoop() as loop:
        try:
            for server in servers:
                loop.run(server.start())
            yield loop
        finally:
            for server in servers:
                loop.run(server.stop())
