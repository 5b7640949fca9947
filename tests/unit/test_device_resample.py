"""Pictures scaled as a batch on the device are those that OpenCV scales one by one."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from workers.device.resample import scale_batch

SIDES = st.integers(40, 90)


def colours(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def scaled(image: np.ndarray, height: int, width: int, *, shrink: bool) -> np.ndarray:
    return scale_batch(torch.from_numpy(image[None]), height, width, shrink=shrink)[0].numpy()


@settings(deadline=None, max_examples=60)
@given(SIDES, SIDES, st.floats(1.01, 3.0), st.integers(0, 99))
def test_an_enlarged_picture_is_opencvs_to_within_a_level(height, width, scale, seed):
    image = colours(height, width, seed)
    size = round(width * scale), round(height * scale)
    theirs = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    ours = scaled(image, size[1], size[0], shrink=False)
    difference = np.abs(ours.astype(int) - theirs)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


@settings(deadline=None, max_examples=60)
@given(SIDES, SIDES, st.floats(0.3, 0.99), st.integers(0, 99))
def test_a_reduced_picture_is_opencvs_to_within_a_level(height, width, scale, seed):
    image = colours(height, width, seed)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    theirs = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    ours = scaled(image, size[1], size[0], shrink=True)
    assume(size[0] < width and size[1] < height)  # else OpenCV interpolates
    difference = np.abs(ours.astype(int) - theirs)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_picture_reduced_by_a_whole_factor_is_exactly_opencvs(factor):
    image = colours(24 * factor, 32 * factor, 5)
    theirs = cv2.resize(image, (32, 24), interpolation=cv2.INTER_AREA)
    assert np.array_equal(scaled(image, 24, 32, shrink=True), theirs)


def test_pictures_of_a_batch_do_not_mix():
    images = np.stack([colours(20, 30, seed) for seed in range(3)])
    together = scale_batch(torch.from_numpy(images), 33, 50, shrink=False).numpy()
    for image, one in zip(images, together, strict=True):
        assert np.array_equal(scaled(image, 33, 50, shrink=False), one)
