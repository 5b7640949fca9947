"""Bytes to pictures: colours of both matrices, and what is refused."""

import numpy as np
import pytest
import simplejpeg

from workers.decode import decode_jpeg
from workers.errors import DecodeError

WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}
PATCHES = [(200, 60, 60), (60, 180, 70), (70, 80, 190), (128, 128, 128), (180, 170, 60)]


def jpeg_of(rgb: tuple[int, int, int], matrix: str) -> bytes:
    kr, kb = WEIGHTS[matrix]
    red, green, blue = rgb
    y = kr * red + (1 - kr - kb) * green + kb * blue
    cb, cr = (blue - y) / (2 - 2 * kb) + 128, (red - y) / (2 - 2 * kr) + 128
    planes = [
        np.full(shape, round(v), np.uint8)
        for v, shape in [(y, (64, 64)), *[(c, (32, 32)) for c in (cb, cr)]]
    ]
    return simplejpeg.encode_jpeg_yuv_planes(*planes, quality=95)


@pytest.mark.parametrize("rgb", PATCHES)
@pytest.mark.parametrize("matrix", list(WEIGHTS))
def test_colours_of_both_matrices_come_out_as_they_went_in(rgb, matrix):
    image = decode_jpeg(jpeg_of(rgb, matrix), matrix=matrix)
    assert np.abs(image.astype(int).mean((0, 1)) - rgb).max() <= 2.5


def test_reading_the_wrong_matrix_would_show():
    image = decode_jpeg(jpeg_of((200, 60, 60), "bt709"), matrix="bt601")
    assert np.abs(image.astype(int).mean((0, 1)) - (200, 60, 60)).max() > 5


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"GIF89a", b"\xff\xd8\xff" + bytes(100)])
def test_what_is_not_a_jpeg_is_refused(data):
    with pytest.raises(DecodeError):
        decode_jpeg(data)


def test_a_huge_picture_is_refused_by_its_header():
    jpeg = simplejpeg.encode_jpeg(np.zeros((64, 128, 3), np.uint8))
    with pytest.raises(DecodeError, match="128 x 64"):
        decode_jpeg(jpeg, max_side_px=100)
