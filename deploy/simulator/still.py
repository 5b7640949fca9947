"""A film's last picture as a picture of its own, so that it can be held."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

import av
from av.video.frame import VideoFrame

from deploy.simulator.access_unit import TICKS_PER_S
from deploy.simulator.parameter_sets import Codec

_ENCODERS: Final[dict[Codec, tuple[Literal["libx264", "libx265"], dict[str, str]]]] = {
    "h264": ("libx264", {"preset": "veryfast", "tune": "zerolatency"}),
    "hevc": (
        "libx265",
        {"preset": "ultrafast", "tune": "zerolatency", "x265-params": "log-level=error:pools=none"},
    ),
}


def last_picture(path: Path, codec: Codec) -> bytes | None:
    """The last picture, encoded alone; None if there is none."""
    last: VideoFrame | None = None
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            last = frame
    if last is None:
        return None
    name, options = _ENCODERS[codec]
    encoder = av.CodecContext.create(name, "w")
    encoder.width, encoder.height, encoder.pix_fmt = last.width, last.height, "yuv420p"
    encoder.time_base = Fraction(1, TICKS_PER_S)
    encoder.options = options
    still = last.reformat(format="yuv420p")
    still.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(still), *encoder.encode(None)])
