"""Crops of all faces at once, against OpenCV's one by one."""

import cv2
import numpy as np
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from workers.device.crops import build_atlas, cut, slots_and_levels, squares_around, to_picture
from workers.geometry import crops as host

HEIGHT, WIDTH = 61, 90


def pictures(count: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Smooth colours, (count, H, W, 3)."""
    rng = np.random.default_rng(4)
    small = rng.integers(0, 256, (count, 9, 13, 3), np.uint8)
    return np.stack(
        [cv2.resize(one, (width, height), interpolation=cv2.INTER_CUBIC) for one in small]
    )


PICTURES = pictures(3)


@st.composite
def faces(draw, largest: float):
    """A box anywhere in or near a picture, eyes at any angle, and the picture's number."""
    x, y = draw(st.floats(-20, WIDTH + 20)), draw(st.floats(-20, HEIGHT + 20))
    width, height = draw(st.floats(2, largest)), draw(st.floats(2, largest))
    turn, distance = draw(st.floats(-3.1, 3.1)), draw(st.floats(0, 1)) * width
    box = np.array([[x - width / 2, y - height / 2, x + width / 2, y + height / 2]], np.float32)
    middle = np.array((x, y))
    half = np.array((np.cos(turn), np.sin(turn))) * distance / 2
    eyes = np.stack((middle - half, middle + half))[None].astype(np.float32)
    return box, eyes, np.array([draw(st.integers(0, 2))])


def both(box, eyes, index, size_px, margin, images=PICTURES):
    """The host's crops and the device's, as whole numbers."""
    theirs_at = host.crops_around(box, eyes, index, margin)
    ours_at = squares_around(*(torch.from_numpy(a) for a in (box, eyes, index)), margin)
    slots, levels = slots_and_levels(float(theirs_at.side_px.max()), size_px, 2)
    ours = cut(build_atlas(torch.from_numpy(images), levels), ours_at, size_px, slots)
    return host.cut(list(images), theirs_at, size_px).astype(int), ours.numpy().astype(int)


@settings(deadline=None, max_examples=150)
@given(faces(largest=60))
def test_a_crop_is_the_one_that_opencv_warps(face):
    theirs, ours = both(*face, size_px=48, margin=1.5)
    difference = np.abs(theirs - ours)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.02


@settings(deadline=None, max_examples=80)
@given(faces(largest=80))
def test_a_face_up_to_three_times_its_crop_is_averaged_as_on_the_host(face):
    box, eyes, index = face
    side = np.maximum(box[0, 2:] - box[0, :2], 1).max()
    assume(2 < side / 30 < 2.99)
    theirs, ours = both(box, eyes, index, size_px=30, margin=1.0)
    difference = np.abs(theirs - ours)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.02


@settings(deadline=None, max_examples=40)
@given(st.floats(-0.8, 0.8), st.floats(4, 20))
def test_a_very_large_face_is_nearly_the_hosts(turn, scale):
    # Far larger than its crop, all inside: two kinds of averaging.
    image = pictures(1, 400, 500)
    side, middle = min(16 * scale, 260), np.array((250.0, 200.0))
    box = np.array([[*(middle - side / 2), *(middle + side / 2)]], np.float32)
    half = np.array((np.cos(turn), np.sin(turn))) * side / 4
    eyes = np.stack((middle - half, middle + half))[None].astype(np.float32)
    theirs, ours = both(box, eyes, np.array([0]), size_px=16, margin=1.0, images=image)
    assert np.abs(theirs - ours).mean() < 3


def test_nothing_of_one_picture_reaches_into_another():
    images = np.zeros((3, 32, 32, 3), np.uint8)
    images[1] = 255  # a white picture between two black ones
    box = np.array([[-16, -16, 48, 48]] * 3, np.float32)  # and all around it
    eyes = np.array([[[10, 16], [22, 16]]] * 3, np.float32)
    for size_px in (64, 20, 8):  # single samples, 3 x 3 of them, a smaller level
        _, ours = both(box, eyes, np.arange(3), size_px, 1.0, images)
        assert not ours[0].any()
        assert not ours[2].any()
        assert ours[1].max() == 255
        edge = size_px // 8
        assert not ours[1, :edge].any()
        assert not ours[1, :, -edge:].any()


@settings(deadline=None, max_examples=60)
@given(faces(largest=500), st.integers(0, 99))
def test_points_come_back_to_where_the_host_puts_them(face, seed):
    box, eyes, index = face
    points = np.random.default_rng(seed).uniform(0, 256, (1, 20, 3)).astype(np.float32)
    theirs = host.from_crop(points, host.crops_around(box, eyes, index, 1.5), 256)
    squares = squares_around(*(torch.from_numpy(a) for a in (box, eyes, index)), 1.5)
    ours = to_picture(torch.from_numpy(points), squares, 256).numpy()
    assert np.abs(theirs - ours).max() < 1e-3
