"""Square crops of faces, turned so that the eyes are level, and the way back from them."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Crops:
    """N squares, each in one of several pictures.

    Attributes:
        image_index: (N,) which picture.
        centre_xy: (N, 2) float32 [px of that picture].
        side_px: (N,) float32, length of the square's side in that picture.
        angle_rad: (N,) float32, how far the square is turned clockwise in the picture.
    """

    image_index: NDArray[np.intp]
    centre_xy: Floats
    side_px: Floats
    angle_rad: Floats

    def __len__(self) -> int:
        return len(self.image_index)

    def __getitem__(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> "Crops":
        return Crops(
            self.image_index[chosen],
            self.centre_xy[chosen],
            self.side_px[chosen],
            self.angle_rad[chosen],
        )


def crops_around(
    boxes_xyxy: Floats, eyes_xy: Floats, image_index: NDArray[np.intp], margin: float
) -> Crops:
    """Return squares about boxes, `margin` times the box's longer side, with level eyes.

    Args:
        boxes_xyxy: (N, 4) [px].
        eyes_xy: (N, 2, 2) [px], the image-left and the image-right eye.
        image_index: (N,) which picture each box is in.
        margin: side of the square over the longer side of the box.
    """
    sides = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    across = eyes_xy[:, 1] - eyes_xy[:, 0]
    # In profile the eyes fall together and noise would turn the crop upside down.
    across_x = np.maximum(across[:, 0], 0.1 * sides.max(axis=1))
    return Crops(
        image_index=image_index,
        centre_xy=boxes_xyxy[:, :2] + sides * np.float32(0.5),
        side_px=np.maximum(sides.max(axis=1), 1.0) * np.float32(margin),
        angle_rad=np.arctan2(across[:, 1], across_x),
    )


def cut(images: Sequence[NDArray[np.uint8]], crops: Crops, size_px: int) -> NDArray[np.uint8]:
    """Return the crops as pictures (N, size, size, 3); black where they leave the picture."""
    faces = np.empty((len(crops), size_px, size_px, 3), np.uint8)
    matrices = _to_picture(crops, size_px)
    for index, (image, matrix) in enumerate(zip(crops.image_index, matrices, strict=True)):
        # A face much larger than the crop is averaged, not sampled here and there.
        coarse = crops.side_px[index] > 2 * size_px
        if coarse:
            faces[index] = _cut_large(images[image], matrix, size_px)
        else:
            _warp(images[image], matrix, faces[index])
    return faces


def from_crop(points_xyz: Floats, crops: Crops, size_px: int) -> Floats:
    """Return points (N, L, 3) of crops of `size_px` in the pixels of their pictures.

    z is scaled like x and y, and not turned: it stands upright on the picture.
    """
    matrices = _to_picture(crops, size_px)
    # Pixel centres: the networks' coordinates count from the corner, as the matrices' do.
    flat = np.einsum("nij,nlj->nli", matrices[:, :, :2], points_xyz[..., :2] - 0.5)
    depth = points_xyz[..., 2:] * (crops.side_px / size_px)[:, None, None]
    moved = flat + matrices[:, None, :, 2] + 0.5
    return np.concatenate((moved, depth), axis=-1).astype(np.float32)


def _to_picture(crops: Crops, size_px: int) -> Floats:
    """Return the matrices (N, 2, 3) from pixel indices of the crop to those of the picture."""
    scale = crops.side_px / size_px
    cosine, sine = np.cos(crops.angle_rad) * scale, np.sin(crops.angle_rad) * scale
    linear = np.stack((cosine, -sine, sine, cosine), axis=-1).reshape(-1, 2, 2)
    middle = np.full(2, (size_px - 1) / 2, np.float32)
    offset = crops.centre_xy - 0.5 - linear @ middle
    return np.concatenate((linear, offset[:, :, None]), axis=2).astype(np.float32)


def _warp(image: NDArray[np.uint8], matrix: Floats, into: NDArray[np.uint8]) -> None:
    """Sample `image` at `matrix` times each pixel of `into`, between its pixels; black outside.

    OpenCV samples four channels in less than half the time of three, so the part of the picture
    that is needed gets a fourth for as long.
    """
    left, top, right, bottom = _needed(image, matrix, into.shape[0])
    if right <= left or bottom <= top:
        into[:] = 0
        return
    part = cv2.cvtColor(image[top:bottom, left:right], cv2.COLOR_RGB2RGBA)
    moved = matrix.astype(np.float64)
    moved[:, 2] -= (left, top)
    sampled = cv2.warpAffine(
        part,
        moved,
        into.shape[1::-1],
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
    )
    cv2.cvtColor(sampled, cv2.COLOR_RGBA2RGB, dst=into)


def _needed(image: NDArray[np.uint8], matrix: Floats, size_px: int) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the part that the samples touch, within the picture."""
    last = size_px - 1
    corners = matrix @ np.array([[0, last, 0, last], [0, 0, last, last], [1, 1, 1, 1]], np.float32)
    low = np.clip(np.floor(corners.min(axis=1)) - 1, 0, image.shape[1::-1])
    high = np.clip(np.ceil(corners.max(axis=1)) + 2, 0, image.shape[1::-1])
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _cut_large(image: NDArray[np.uint8], matrix: Floats, size_px: int) -> NDArray[np.uint8]:
    factor = int(np.hypot(*matrix[:, 0]))
    large = np.empty((size_px * factor, size_px * factor, 3), np.uint8)
    finer = matrix.copy()
    finer[:, :2] /= factor
    finer[:, 2] -= finer[:, :2] @ np.full(2, (factor - 1) / 2, np.float32)
    _warp(image, finer, large)
    return cv2.resize(large, (size_px, size_px), interpolation=cv2.INTER_AREA).astype(np.uint8)
