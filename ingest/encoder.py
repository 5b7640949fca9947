"""A decoded frame to JPEG, straight from the decoder's planes.

No conversion to RGB and back: the planes Y, U and V go into the JPEG as they are. Cameras send
limited range (Y 16..235, U and V 16..240) and JPEG means full range, so the planes are expanded by
a look-up table first; without it colours are off by 6 to 11 levels. JPEG also means the matrix of
BT.601; planes of BT.709 stay as they are and the frame's header says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import av
import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from ingest.errors import PictureError

Matrix = Literal["bt601", "bt709"]
Plane = NDArray[np.uint8]
_Planes = tuple[Plane, Plane | None, Plane | None]

# Numbers of FFmpeg's AVColorSpace and AVColorRange.
_SPACE_BT709: Final = 1
_RANGE_LIMITED: Final = 1
_RANGE_FULL: Final = 2
# Chroma planes that are one half as (high, wide) as luma.
_HALVED: Final = {
    "yuv420p": (True, True),
    "yuvj420p": (True, True),
    "yuv422p": (False, True),
    "yuvj422p": (False, True),
    "yuv444p": (False, False),
    "yuvj444p": (False, False),
}
_GREY: Final = frozenset({"gray", "gray8"})
MAX_SIDE_PX: Final = 8192  # as schemas.messages.Frame


def _expansion(low: int, high: int, zero: int, full_zero: int, full_span: int) -> Plane:
    """Table from limited to full range; ITU-R BT.601 §2.5.3 against JFIF 1.02."""
    levels = np.arange(256, dtype=np.float64)
    full = (levels - zero) * full_span / (high - low) + full_zero
    return np.clip(np.rint(full), 0, 255).astype(np.uint8)


EXPAND_LUMA: Final = _expansion(16, 235, 16, 0, 255)
EXPAND_CHROMA: Final = _expansion(16, 240, 128, 128, 255)


@dataclass(frozen=True)
class Picture:
    """A JPEG and what its header must say.

    Attributes:
        jpeg: full-range YCbCr, or grey.
        width, height: of the JPEG, in pixels.
        matrix: which matrix made its planes from RGB.
    """

    jpeg: bytes
    width: int
    height: int
    matrix: Matrix


def encode_picture(frame: av.VideoFrame, quality: int = 85) -> Picture:
    """The frame as a JPEG.

    With halved chroma, an odd last row or column is cut off: the encoder reads whole pairs.

    Raises:
        PictureError: the frame cannot be encoded.
    """
    if not (2 <= frame.width <= MAX_SIDE_PX and 2 <= frame.height <= MAX_SIDE_PX):
        raise PictureError(
            f"a picture must have 2 to {MAX_SIDE_PX} pixels a side, "
            f"got {frame.width = }, {frame.height = }"
        )
    try:
        frame = _as_planar(frame)
        planes = _planes(frame)
        if not _is_full_range(frame):
            planes = _expanded(planes)
        jpeg = simplejpeg.encode_jpeg_yuv_planes(*planes, quality=quality)
    except (av.error.FFmpegError, ValueError) as exc:
        raise PictureError(f"a frame of format {frame.format.name} cannot be encoded") from exc
    height, width = planes[0].shape
    matrix: Matrix = "bt709" if frame.colorspace == _SPACE_BT709 else "bt601"
    return Picture(jpeg=jpeg, width=width, height=height, matrix=matrix)


def _as_planar(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame in a format whose planes JPEG takes.

    A stream that names no matrix is read as BT.601, as FFmpeg itself does.
    """
    name = frame.format.name
    if name in _HALVED or name in _GREY:
        return frame
    keep = not frame.format.is_rgb and frame.colorspace == _SPACE_BT709
    return frame.reformat(
        format="yuv420p",
        dst_colorspace="ITU709" if keep else "ITU601",
        dst_color_range="JPEG",
    )


def _is_full_range(frame: av.VideoFrame) -> bool:
    if frame.format.name in _GREY:
        return bool(frame.color_range != _RANGE_LIMITED)
    return frame.color_range == _RANGE_FULL or frame.format.name.startswith("yuvj")


def _planes(frame: av.VideoFrame) -> _Planes:
    """Y, U and V as views on the decoder's buffers, without their line padding."""
    width, height = frame.width, frame.height
    if frame.format.name in _GREY:
        return _view(frame.planes[0], height, width), None, None
    halve_high, halve_wide = _HALVED[frame.format.name]
    high = height // 2 if halve_high else height
    wide = width // 2 if halve_wide else width
    return (
        _view(frame.planes[0], 2 * high if halve_high else high, 2 * wide if halve_wide else wide),
        _view(frame.planes[1], high, wide),
        _view(frame.planes[2], high, wide),
    )


def _view(plane: Any, height: int, width: int) -> Plane:  # noqa: ANN401  av's stub lacks the buffer protocol
    lines = np.frombuffer(plane, np.uint8).reshape(-1, abs(plane.line_size))
    if plane.line_size < 0:  # stored bottom up
        lines = lines[::-1]
    return lines[:height, :width]


def _expanded(planes: _Planes) -> _Planes:
    """Limited to full range; cv2's look-up is five times as fast as numpy's."""
    luma, blue, red = planes
    return (
        _looked_up(luma, EXPAND_LUMA),
        None if blue is None else _looked_up(blue, EXPAND_CHROMA),
        None if red is None else _looked_up(red, EXPAND_CHROMA),
    )


def _looked_up(plane: Plane, table: Plane) -> Plane:
    out = np.empty(plane.shape, np.uint8)
    cv2.LUT(plane, table, out)
    return out
