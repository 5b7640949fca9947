"""Scale batches of pictures as OpenCV scales one: bilinear up, by area down.

Source: OpenCV's INTER_LINEAR and INTER_AREA for bytes (modules/imgproc/src/resize.cpp), with its
whole-number weights and roundings: the detector sees what it sees on the host. Torch's own
`interpolate` has no true area mode (its bins are whole pixels).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.device.constants import constant

_UNIT = 2048
"""OpenCV's one, for bilinear weights."""


@dataclass(frozen=True, slots=True)
class Taps:
    """One axis: each of n new pixels is a weighted sum of T old ones.

    Attributes:
        index: (T, n) int64, which old pixels.
        weight: (T, n): float32 that add up to 1, or int32 that add up to 2048.
    """

    index: Tensor
    weight: Tensor


def scale_batch(images: Tensor, height: int, width: int, *, shrink: bool) -> Tensor:
    """Scale pictures (B, H, W, 3) uint8 to (B, height, width, 3) uint8.

    Args:
        images: the batch.
        height: of the new pictures [px].
        width: of the new pictures [px].
        shrink: average areas instead of interpolating.
    """
    device = images.device
    rows = _taps(images.shape[1], height, shrink, device)
    columns = _taps(images.shape[2], width, shrink, device)
    if not shrink:
        return _interpolate(images, rows, columns)
    scaled = _sum(_sum(images, rows, axis=1), columns, axis=2)
    if images.shape[1:3] == (2 * height, 2 * width):
        return (scaled + 0.5).to(torch.uint8)  # OpenCV's own rule for halves of a level
    return scaled.round_().clamp_(0, 255).to(torch.uint8)


def _interpolate(images: Tensor, rows: Taps, columns: Taps) -> Tensor:
    across = _sum(images, columns, axis=2)
    parts = [
        ((across.index_select(1, index) >> 4) * weight[None, :, None, None]) >> 16
        for index, weight in zip(rows.index, rows.weight, strict=True)
    ]
    scaled: Tensor = (parts[0] + parts[1] + 2) >> 2
    return scaled.to(torch.uint8)


def _sum(images: Tensor, axis_taps: Taps, axis: int) -> Tensor:
    shape = [1] * images.dim()
    shape[axis] = -1
    total = torch.zeros((), dtype=axis_taps.weight.dtype, device=images.device)
    for index, weight in zip(axis_taps.index, axis_taps.weight, strict=True):
        part = images.index_select(axis, index).to(weight.dtype) * weight.view(shape)
        total = part.add_(total)
    return total


@constant
def _taps(old: int, new: int, shrink: bool, device: torch.device) -> Taps:
    """Return the taps from `old` pixels to `new` ones; kept, since cameras seldom change size."""
    index, weight = (_area_taps if shrink else _linear_taps)(old, new)
    return Taps(torch.from_numpy(index).to(device), torch.from_numpy(weight).to(device))


def _linear_taps(old: int, new: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    place = ((np.arange(new) + 0.5) * (old / new) - 0.5).astype(np.float32)
    place = np.clip(place, 0, old - 1)
    low = np.floor(place).astype(np.int64)
    part = place - low.astype(np.float32)
    weights = np.stack((1 - part, part)) * np.float32(_UNIT)
    return np.stack((low, np.minimum(low + 1, old - 1))), np.rint(weights).astype(np.int32)


def _area_taps(old: int, new: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Weigh each old pixel by how much of it the new one covers."""
    factor = old / new
    start = np.arange(new) * factor
    # A hair less, so that whole factors do not reach for one pixel more.
    first = np.floor(start + 1e-9).astype(np.int64)
    index = first + np.arange(int(np.ceil(factor - 1e-9)) + 1)[:, None]
    covered = np.minimum(index + 1, start + factor) - np.maximum(index, start)
    covered = np.clip(covered, 0, None) * (index < old)
    used = covered.max(axis=1) > 1e-6
    index, covered = np.minimum(index, old - 1)[used], covered[used]
    return index, (covered / covered.sum(axis=0)).astype(np.float32)
