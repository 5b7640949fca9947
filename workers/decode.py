"""Bytes to pictures: (H, W, 3) uint8 RGB. What comes from outside is distrusted.

Two ways in: `decode_jpeg` for the stream's frames (fast, JPEG only, bounded), `read_picture` for a
person's own files (any common format, upright as the camera was held).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from workers.errors import DecodeError

MAX_SIDE_PX = 8192
MAX_FILE_BYTES = 512 * 1024 * 1024
_JPEG_MARK = b"\xff\xd8\xff"

Image = NDArray[np.uint8]


def _rgb_of_ycbcr(kr: float, kb: float) -> NDArray[np.float64]:
    """(3, 3) full-range YCbCr to RGB for luma weights `kr`, `kb` (ITU-R BT.601 §2.5.1)."""
    kg = 1.0 - kr - kb
    red, blue = 2.0 - 2.0 * kr, 2.0 - 2.0 * kb
    return np.array([[1, 0, red], [1, -blue * kb / kg, -red * kr / kg], [1, blue, 0]])


# JPEG means BT.601; planes that a camera made with BT.709 come out slightly wrong, and this mends.
_BT601_TO_BT709 = _rgb_of_ycbcr(0.2126, 0.0722) @ np.linalg.inv(_rgb_of_ycbcr(0.299, 0.114))


@dataclass(frozen=True, slots=True)
class Jpeg:
    """A JPEG that is not unpacked yet, for an analyser that does it on its device.

    Attributes:
        data: its bytes; the header is a JPEG's.
        matrix: of the planes inside, see `decode_jpeg`.
        shape: (H, W, 3) as the header tells it.
    """

    data: bytes
    matrix: Literal["bt601", "bt709"]
    shape: tuple[int, int, int]


def unopened_jpeg(
    data: bytes, max_side_px: int = MAX_SIDE_PX, matrix: Literal["bt601", "bt709"] = "bt601"
) -> Jpeg:
    """Return a JPEG of which only the header was read.

    Raises:
        DecodeError: not a JPEG, or one larger than `max_side_px` on a side.
    """
    return Jpeg(data, matrix, (*jpeg_size(data, max_side_px), 3))


def jpeg_size(data: bytes, max_side_px: int) -> tuple[int, int]:
    """Return height and width as a JPEG's header tells them.

    Raises:
        DecodeError: not a JPEG, or one larger than `max_side_px` on a side.
    """
    if not data.startswith(_JPEG_MARK):
        raise DecodeError(f"not a JPEG: {len(data)} bytes that start with {data[:4].hex()!r}")
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError as exc:
        raise DecodeError(f"broken JPEG: {exc}") from exc
    if max(height, width) > max_side_px:
        raise DecodeError(f"JPEG of {width} x {height} px; the limit is {max_side_px} a side")
    return int(height), int(width)


def decode_jpeg(
    data: bytes, max_side_px: int = MAX_SIDE_PX, matrix: Literal["bt601", "bt709"] = "bt601"
) -> Image:
    """Return the picture in a JPEG. The header is read first: a huge one is never unpacked.

    `matrix` is that of the planes inside (`Frame.matrix`); for BT.709 the colours are corrected.

    Raises:
        DecodeError: not a JPEG, a broken one, or one larger than `max_side_px` on a side.
    """
    jpeg_size(data, max_side_px)
    try:
        # Always (H, W, 3), also from a grey JPEG.
        image: Image = simplejpeg.decode_jpeg(data, colorspace="RGB")
    except ValueError as exc:
        raise DecodeError(f"broken JPEG: {exc}") from exc
    if matrix == "bt709":
        image = cv2.transform(image, _BT601_TO_BT709).astype(np.uint8, copy=False)
    return image


def read_picture(path: Path) -> Image:
    """Return the picture in a file, turned upright by its EXIF note; alpha and depth are dropped.

    Raises:
        DecodeError: no such file, not readable, or not a picture.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise DecodeError(f"larger than {MAX_FILE_BYTES // 2**20} MiB")
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as exc:
        raise DecodeError(f"cannot read the file: {exc.strerror or exc}") from exc
    if not data.size:
        raise DecodeError("the file is empty")
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    except cv2.error as exc:
        raise DecodeError(f"cannot decode the picture: {exc.err}") from exc
    if image is None:
        raise DecodeError("not a picture, or of a format that is not known here")
    return image.astype(np.uint8, copy=False)
