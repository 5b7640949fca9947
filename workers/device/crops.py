"""Cut all faces out of all pictures at once: one atlas of the pictures, one `grid_sample`.

The sampling positions are those of `workers.geometry.crops`: bilinear, black outside. There a face
f times as large as its crop is the mean of f x f samples a pixel; so it is here, up to the `slots`
asked for, and beyond from a level of the pictures that was averaged down by 2, 4, 8 or 16.

The atlas: each picture with its smaller levels beside it, the pictures below one another, black in
between. So the black outside comes by itself, and a face's picture and level are only an offset.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from workers.device.constants import constant

MOST_LEVELS = 4
"""Smaller levels: down to a sixteenth, for a face of 5,000 px in a crop of 64."""
_Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Atlas:
    """B pictures with their smaller levels, in one canvas.

    Attributes:
        canvas: (1, 3, B · block, width) float32, 0..255.
        block: rows of the canvas from one picture to the next.
        sizes: (levels + 1, 2) float32, width and height of each level [px].
        corners: (levels + 1, 2) float32, x and y of each level within a block.
    """

    canvas: Tensor
    block: int
    sizes: Tensor
    corners: Tensor


@dataclass(frozen=True, slots=True)
class Squares:
    """N squares, each in one of several pictures; `workers.geometry.crops.Crops` as tensors.

    Attributes:
        image_index: (N,) int64, which picture.
        centre_xy: (N, 2) float32 [px of that picture].
        side_px: (N,) float32.
        angle_rad: (N,) float32, turned clockwise in the picture.
    """

    image_index: Tensor
    centre_xy: Tensor
    side_px: Tensor
    angle_rad: Tensor


def slots_and_levels(largest: float, size_px: int, most_slots: int) -> tuple[int, int]:
    """Return the slots and levels that faces need, for whole batches the same.

    Args:
        largest: side of the largest square [px of its picture].
        size_px: side of the crops.
        most_slots: samples a pixel of the crop, each way; more cost more time, fewer more levels.
    """
    scale = largest / size_px
    if scale <= 2:
        return 1, 0
    slots = min(int(scale), most_slots)
    return slots, min(_level_of(scale, slots), MOST_LEVELS)


def build_atlas(images: Tensor, levels: int = MOST_LEVELS) -> Atlas:
    """Lay out pictures (B, H, W, 3) uint8 and so many smaller levels of them."""
    count, height, width, _ = images.shape
    sizes, corners, block = _layout(height, width, levels)
    columns = width + 1 + (sizes[1][0] if levels else 0)
    canvas = torch.zeros((count, block, columns, 3), device=images.device)
    canvas[:, :height, :width] = images
    level = canvas[:, :height, :width].permute(0, 3, 1, 2)
    for (level_width, level_height), (left, top) in zip(sizes[1:], corners[1:], strict=True):
        level = _halved(level)
        place = canvas[:, top : top + level_height, left : left + level_width]
        place.copy_(level.permute(0, 2, 3, 1))
    return Atlas(
        canvas=canvas.reshape(1, count * block, -1, 3).permute(0, 3, 1, 2),
        block=block,
        sizes=_on(images.device, sizes),
        corners=_on(images.device, corners),
    )


def squares_around(
    boxes_xyxy: Tensor, eyes_xy: Tensor, image_index: Tensor, margin: float
) -> Squares:
    """Return squares about boxes (N, 4); the maths of `workers.geometry.crops.crops_around`."""
    sides = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    longer = sides.amax(dim=1)
    across = eyes_xy[:, 1] - eyes_xy[:, 0]
    return Squares(
        image_index=image_index,
        centre_xy=boxes_xyxy[:, :2] + sides * 0.5,
        side_px=longer.clamp_min(1.0) * margin,
        angle_rad=torch.atan2(across[:, 1], torch.maximum(across[:, 0], 0.1 * longer)),
    )


def cut(atlas: Atlas, squares: Squares, size_px: int, slots: int = 2) -> Tensor:
    """Return the squares as pictures (N, size, size, 3) uint8; black where they leave a picture.

    Args:
        atlas: with as many levels as `slots_and_levels` says.
        squares: N of them.
        size_px: side of the new pictures.
        slots: see `slots_and_levels`.
    """
    level, factor = _levels_and_factors(squares.side_px / size_px, slots, len(atlas.sizes) - 1)
    total: Tensor | None = None
    for row in range(slots):
        for column in range(slots):
            # Within its pixel of the crop; a slot that this face does not use weighs nothing.
            shift = torch.stack((column + 0.5 - factor / 2, row + 0.5 - factor / 2), dim=1)
            used = (column < factor) & (row < factor)
            place = _places(squares, size_px, shift / factor[:, None])
            part = _sample(atlas, place, level, squares.image_index)
            if slots > 1:
                part = part.round_() * (used / factor.square())[:, None, None]
            total = part if total is None else total.add_(part)
    if total is None:
        raise ValueError(f"expected one slot or more, got {slots}")
    # OpenCV rounds halves up where it averages two by two, to even elsewhere.
    total += torch.where(factor == 2, 2.0**-10, 0.0)[:, None, None]
    return total.round_().clamp_(0, 255).to(torch.uint8).permute(1, 2, 3, 0).contiguous()


def _sample(atlas: Atlas, place: Tensor, level: Tensor, image_index: Tensor) -> Tensor:
    """Return the values (3, N, S, S) at places (N, S, S, 2) of the pictures, at some level each."""
    place = (place + 0.5) * torch.exp2(-level.float())[:, None, None, None] - 0.5
    # One pixel outside is as black as far outside, and the canvas is black there.
    place = torch.minimum(place.clamp_min(-1.0), atlas.sizes[level][:, None, None])
    corner = atlas.corners[level]
    block = torch.stack((corner[:, 0], corner[:, 1] + image_index * atlas.block), dim=1)
    place = place + block[:, None, None]
    height, width = atlas.canvas.shape[2:]
    x, y = place[..., 0] * (2.0 / (width - 1)) - 1.0, place[..., 1] * (2.0 / (height - 1)) - 1.0
    grid = torch.stack((x, y), dim=-1).reshape(1, -1, place.shape[2], 2)
    taken = functional.grid_sample(atlas.canvas, grid, mode="bilinear", align_corners=True)
    return taken.reshape(3, *place.shape[:3])


def to_picture(points_xyz: Tensor, squares: Squares, size_px: int) -> Tensor:
    """Return points (N, L, 3) of crops in the pixels of their pictures; z scaled, not turned."""
    linear, offset = _matrices(squares, size_px)
    # Written out: as a product of matrices a GPU might round the points to TF32's ten bits.
    x, y = points_xyz[..., :1] - 0.5, points_xyz[..., 1:2] - 0.5
    flat = x * linear[:, None, :, 0] + y * linear[:, None, :, 1]
    depth = points_xyz[..., 2:] * (squares.side_px / size_px)[:, None, None]
    return torch.cat((flat + offset[:, None] + 0.5, depth), dim=-1)


def _places(squares: Squares, size_px: int, shift: Tensor) -> Tensor:
    """Return where the pixels of crops lie in their pictures: (N, size, size, 2), pixel numbers.

    Written out, for the reason given in `to_picture`.

    Args:
        squares: N of them.
        size_px: side of the crops.
        shift: (N, 2), away from the centre of each pixel of the crop, in such pixels.
    """
    linear, offset = _matrices(squares, size_px)
    steps = torch.arange(size_px, dtype=torch.float32, device=offset.device)
    x, y = steps + shift[:, :1], steps + shift[:, 1:]
    along = linear[:, None, None, :, 0] * x[:, None, :, None]
    down = linear[:, None, None, :, 1] * y[:, :, None, None]
    return along + down + offset[:, None, None]


def _matrices(squares: Squares, size_px: int) -> tuple[Tensor, Tensor]:
    """Return (N, 2, 2) and (N, 2): from pixel numbers of the crop to those of the picture."""
    scale = squares.side_px / size_px
    cosine, sine = torch.cos(squares.angle_rad) * scale, torch.sin(squares.angle_rad) * scale
    linear = torch.stack((cosine, -sine, sine, cosine), dim=1).reshape(-1, 2, 2)
    middle = (size_px - 1) / 2
    return linear, squares.centre_xy - 0.5 - linear.sum(dim=2) * middle


def _levels_and_factors(scale: Tensor, slots: int, levels: int) -> tuple[Tensor, Tensor]:
    """Return each face's level (N,) int64, and how many samples it takes there each way (N,)."""
    level = (torch.log2(scale / (slots + 1)).floor() + 1).clamp(0, levels)
    # Below 2 the host, too, takes single samples.
    factor = torch.where(scale > 2, scale.floor(), 1.0)
    return level.long(), torch.where(level > 0, slots, factor).clamp(1, slots)


def _level_of(scale: float, slots: int) -> int:
    return max(0, math.floor(math.log2(scale / (slots + 1))) + 1)


def _halved(level: Tensor) -> Tensor:
    """Average (B, 3, H, W) by two; beyond the edge is black, as everywhere."""
    height, width = level.shape[2:]
    return functional.avg_pool2d(functional.pad(level, (0, width % 2, 0, height % 2)), 2)


def _layout(height: int, width: int, levels: int) -> tuple[_Pairs, _Pairs, int]:
    """Return sizes and corners of the levels, and the rows that one picture takes."""
    sizes = [(width, height)]
    for _ in range(levels):
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    corners, y = [(0, 0)], 0
    for _, level_height in sizes[1:]:
        corners.append((width + 1, y))
        y += level_height + 1
    return tuple(sizes), tuple(corners), max(height + 1, y)


@constant
def _on(device: torch.device, pairs: _Pairs) -> Tensor:
    return torch.tensor(pairs, dtype=torch.float32).to(device)
