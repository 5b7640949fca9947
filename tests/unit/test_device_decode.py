"""JPEGs on their way to the device: what is refused, and what a picture's colours are."""

import cv2
import numpy as np
import pytest
import simplejpeg
import torch

from workers import decode as host
from workers.device.decode import check_header, decode_jpegs, mend_bt709
from workers.errors import DecodeError

CPU = torch.device("cpu")


@pytest.fixture
def picture() -> np.ndarray:
    small = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    return cv2.resize(small, (320, 240), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def jpeg(picture) -> bytes:
    return simplejpeg.encode_jpeg(picture)


def test_pictures_are_those_of_the_hosts_decoder(jpeg):
    (image,) = decode_jpegs([jpeg], CPU)
    assert np.array_equal(image.numpy(), host.decode_jpeg(jpeg))


def test_a_grey_jpeg_becomes_three_equal_channels(picture):
    grey = simplejpeg.encode_jpeg(picture[..., :1].copy(), colorspace="GRAY")
    (image,) = decode_jpegs([grey], CPU)
    assert image.shape == (240, 320, 3)
    assert torch.equal(image[..., 0], image[..., 2])


def test_bt709_planes_are_mended_as_on_the_host(jpeg):
    plain, mended = decode_jpegs([jpeg, jpeg], CPU, ["bt601", "bt709"])
    theirs = host.decode_jpeg(jpeg, matrix="bt709")
    assert np.abs(mended.numpy().astype(int) - theirs).max() <= 1
    assert not torch.equal(plain, mended)


def test_mending_leaves_grey_as_it_is():
    grey = torch.arange(256, dtype=torch.uint8)[:, None, None].expand(-1, 1, 3)
    assert torch.equal(mend_bt709(grey), grey)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda _: b"GIF89a", "picture 1: not a JPEG"),
        (lambda _: b"", "picture 1: not a JPEG: 0 bytes"),
        (lambda jpeg: jpeg[:4], "picture 1: broken JPEG"),
        (lambda jpeg: jpeg[:150], "picture 1"),
    ],
)
def test_a_broken_picture_among_good_ones_is_named(jpeg, spoil, complaint):
    with pytest.raises(DecodeError, match=complaint):
        decode_jpegs([jpeg, spoil(jpeg), jpeg], CPU)


def test_a_huge_picture_is_refused_by_its_header(jpeg):
    assert check_header(jpeg, 320) == (240, 320)
    with pytest.raises(DecodeError, match="320 x 240 px; the limit is 319 a side"):
        check_header(jpeg, 319)
