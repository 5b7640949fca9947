"""Bytes to pictures, from a stream and from files."""

import cv2
import numpy as np
import pytest
import simplejpeg

from workers.decode import decode_jpeg, read_picture
from workers.errors import DecodeError


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Red on the left, blue on the right, (40, 60, 3) RGB."""
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, :30, 0] = 255
    image[:, 30:, 2] = 255
    return image


def is_red_left(image: np.ndarray) -> bool:
    return image[20, 5, 0] > 200 and image[20, 55, 2] > 200


def test_a_jpeg_comes_back_as_rgb(picture):
    found = decode_jpeg(simplejpeg.encode_jpeg(picture, quality=95))
    assert found.shape == (40, 60, 3)
    assert is_red_left(found)


def test_a_grey_jpeg_comes_back_with_three_channels(picture):
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[:, :, None]
    found = decode_jpeg(simplejpeg.encode_jpeg(grey, colorspace="GRAY"))
    assert found.shape == (40, 60, 3)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n0000"])
def test_what_is_no_jpeg_is_refused(data):
    with pytest.raises(DecodeError, match="not a JPEG"):
        decode_jpeg(data)


def test_a_jpeg_that_breaks_off_is_refused(picture):
    data = simplejpeg.encode_jpeg(picture, quality=95)
    for length in (4, len(data) // 4, len(data) // 2):
        with pytest.raises(DecodeError, match="broken JPEG"):
            decode_jpeg(data[:length])


def test_a_jpeg_larger_than_the_limit_is_refused():
    data = simplejpeg.encode_jpeg(np.zeros((16, 8208, 3), np.uint8))
    with pytest.raises(DecodeError, match="8208 x 16 px; the limit is 8192"):
        decode_jpeg(data)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tif"])
def test_common_files_come_back_as_rgb(picture, tmp_path, suffix):
    path = tmp_path / f"picture{suffix}"
    assert cv2.imwrite(str(path), picture[:, :, ::-1])
    found = read_picture(path)
    assert found.dtype == np.uint8
    assert found.shape == (40, 60, 3)
    assert is_red_left(found)


def test_grey_transparent_and_deep_files_come_back_as_rgb(picture, tmp_path):
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    transparent = np.dstack([picture[:, :, ::-1], np.full((40, 60), 128, np.uint8)])
    deep = picture[:, :, ::-1].astype(np.uint16) * 257
    for name, image in (("grey", grey), ("transparent", transparent), ("deep", deep)):
        path = tmp_path / f"{name}.png"
        assert cv2.imwrite(str(path), image)
        found = read_picture(path)
        assert (found.dtype, found.shape) == (np.uint8, (40, 60, 3))
        assert name == "grey" or is_red_left(found)


def test_a_picture_taken_sideways_comes_back_upright(picture, tmp_path):
    jpeg = simplejpeg.encode_jpeg(picture, quality=95)
    # EXIF orientation 6: the camera was turned; show it a quarter turn clockwise.
    tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    body = b"Exif\0\0" + tiff
    path = tmp_path / "sideways.jpg"
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2) + body + jpeg[2:])
    found = read_picture(path)
    assert found.shape == (60, 40, 3)
    assert found[5, 20, 0] > 200
    assert found[55, 20, 2] > 200


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"hello" * 100, "not a picture"), (None, "No such file")],
)
def test_an_unreadable_file_is_an_error_with_its_reason(tmp_path, content, reason):
    path = tmp_path / "picture.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DecodeError, match=reason):
        read_picture(path)
