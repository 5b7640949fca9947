"""Bytes to pictures: (H, W, 3) uint8 RGB. What comes from outside is distrusted.

Two ways in: `decode_jpeg` for the stream's frames (fast, JPEG only, bounded), `read_picture` for a
person's own files (any common format, upright as the camera was held).
"""

from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from workers.errors import DecodeError

MAX_SIDE_PX = 8192
MAX_FILE_BYTES = 512 * 1024 * 1024
_JPEG_MARK = b"\xff\xd8\xff"

Image = NDArray[np.uint8]


def decode_jpeg(data: bytes, max_side_px: int = MAX_SIDE_PX) -> Image:
    """Return the picture in a JPEG. The header is read first: a huge one is never unpacked.

    Raises:
        DecodeError: not a JPEG, a broken one, or one larger than `max_side_px` on a side.
    """
    if not data.startswith(_JPEG_MARK):
        raise DecodeError(f"not a JPEG: {len(data)} bytes that start with {data[:4].hex()!r}")
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
        if max(height, width) > max_side_px:
            raise DecodeError(f"JPEG of {width} x {height} px; the limit is {max_side_px} a side")
        # Always (H, W, 3), also from a grey JPEG.
        image: Image = simplejpeg.decode_jpeg(data, colorspace="RGB")
    except ValueError as exc:
        raise DecodeError(f"broken JPEG: {exc}") from exc
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
