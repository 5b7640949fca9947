"""Triangles to pixels: painter's order, texture, Lambert light, two-fold supersampling."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from deploy.simulator.head import Floats, Head

_SUPERSAMPLING: Final = 2
_LIGHT: Final = np.array([0.25, 0.65, 0.72]) / np.linalg.norm([0.25, 0.65, 0.72])
_AMBIENT: Final = 0.5
_MARGIN_PX: Final = 2
_SHIFT: Final = 3  # cv2 takes corners in 1/8 pixel
# The atlas has 512 texels for the 15.5 cm between the ears; the front is less stretched.
_TEXELS_PER_CM: Final = 30.0


@dataclass(frozen=True, slots=True)
class Sprite:
    """A drawn head.

    Attributes:
        colour: (H, W, 3) uint8 RGB, premultiplied with alpha.
        alpha: (H, W) uint8.
        origin_xy: where the head's reference point lies, in the sprite's pixels.
        points_xy: (468, 2) the face's points relative to the reference point [px].
    """

    colour: NDArray[np.uint8]
    alpha: NDArray[np.uint8]
    origin_xy: tuple[int, int]
    points_xy: NDArray[np.float32]


def draw_head(
    head: Head,
    atlas: list[NDArray[np.uint8]],
    matrix: Floats,
    px_per_cm: float,
    *,
    about: Floats,
    openness: float,
    smile: float,
) -> Sprite:
    """Draw a head in weak perspective.

    Args:
        head: geometry.
        atlas: mip levels of `texture.paint`.
        matrix: (3, 3) head axes to the axes of the line of sight.
        px_per_cm: scale.
        about: (3,) [cm] the reference point, about which the head turns.
        openness: of the eyes, 1 open.
        smile: 1 broad.
    """
    turned = (head.vertices(openness, smile) - about) @ matrix.T
    flat = turned[:, :2] * (px_per_cm, -px_per_cm)
    low = np.floor(flat.min(0)).astype(int) - _MARGIN_PX
    size = np.ceil(flat.max(0)).astype(int) + _MARGIN_PX - low
    corners = (flat - low) * _SUPERSAMPLING
    rows, columns = int(size[1]) * _SUPERSAMPLING, int(size[0]) * _SUPERSAMPLING
    owner, drawn = _paint_owners(corners, turned[:, 2], head.triangles, rows, columns)
    shade = _shades(turned, head.triangles)
    colour = _shaded_texture(owner, corners, head, drawn, shade, _mip(atlas, px_per_cm))
    return Sprite(
        *_reduced(colour, owner >= 0),
        origin_xy=(-int(low[0]), -int(low[1])),
        points_xy=flat[: head.n_face].astype(np.float32),
    )


def _paint_owners(
    corners: Floats, depth: Floats, triangles: NDArray[np.int32], rows: int, columns: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Which triangle owns each pixel; -1 none. Far ones are painted first."""
    a, b, c = (corners[triangles[:, i]] for i in range(3))
    # Image y points down, so counter-clockwise outside means a negative area here.
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    visible = np.flatnonzero(area < 0)
    order = visible[np.argsort(depth[triangles[visible]].mean(1))]
    owner = np.full((rows, columns), -1, np.int32)
    # Pixel centres lie at +.5: cv2 counts them at whole numbers.
    fixed = np.round((corners[triangles[order]] - 0.5) * (1 << _SHIFT)).astype(np.int32)
    for index, corner in zip(order.tolist(), fixed, strict=True):
        cv2.fillConvexPoly(owner, corner, (index,), lineType=cv2.LINE_8, shift=_SHIFT)
    return owner, order


def _shades(turned: Floats, triangles: NDArray[np.int32]) -> Floats:
    a, b, c = (turned[triangles[:, i]] for i in range(3))
    face_normal = np.cross(b - a, c - a)
    normal = np.zeros_like(turned)
    for i in range(3):
        np.add.at(normal, triangles[:, i], face_normal)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    shade: Floats = _AMBIENT + (1.08 - _AMBIENT) * np.clip(normal @ _LIGHT, 0, 1)
    return shade


def _shaded_texture(
    owner: NDArray[np.int32],
    corners: Floats,
    head: Head,
    drawn: NDArray[np.int64],
    shade: Floats,
    level: NDArray[np.uint8],
) -> NDArray[np.float32]:
    """Interpolate uv and light over each pixel and look the texture up."""
    planes = _planes(corners, head, drawn, shade)
    y, x = np.nonzero(owner >= 0)
    plane = planes[owner[y, x]]
    values = plane[:, 0] * (x + 0.5)[:, None] + plane[:, 1] * (y + 0.5)[:, None] + plane[:, 2]
    maps = np.zeros((3, *owner.shape), np.float32)
    maps[:, y, x] = values.T
    scale = level.shape[1]
    # Whole pictures, not lists of pixels: cv2.remap fails beyond 32,766 rows.
    texels = cv2.remap(
        level, maps[0] * scale - 0.5, maps[1] * scale - 0.5, cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    shaded: NDArray[np.float32] = texels.astype(np.float32) * np.clip(maps[2], 0.3, 1.2)[..., None]
    return shaded


def _planes(corners: Floats, head: Head, drawn: NDArray[np.int64], shade: Floats) -> Floats:
    """Affine functions (d/dx, d/dy, constant) of u, v and shade on each drawn triangle.

    Returns:
        (T, 3, 3); rows of triangles that are not drawn stay 0.
    """
    triangles = head.triangles[drawn]
    attributes = np.concatenate([head.uv[drawn], shade[triangles][..., None]], axis=2)
    system = np.concatenate([corners[triangles], np.ones((len(drawn), 3, 1))], axis=2)
    # Slivers would shoot beyond the texture: give them their middle's value.
    sliver = np.abs(np.linalg.det(system)) < 0.5
    system[sliver] = np.eye(3)
    planes = np.zeros((len(head.triangles), 3, 3))
    planes[drawn] = np.linalg.solve(system, attributes)
    planes[drawn[sliver], :2] = 0
    planes[drawn[sliver], 2] = attributes[sliver].mean(1)
    return planes


def _mip(atlas: list[NDArray[np.uint8]], px_per_cm: float) -> NDArray[np.uint8]:
    ratio = _TEXELS_PER_CM / (px_per_cm * _SUPERSAMPLING)
    return atlas[int(np.clip(np.floor(np.log2(max(ratio, 1.0))), 0, len(atlas) - 1))]


def _reduced(
    colour: NDArray[np.float32], covered: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    rows, columns = (side // _SUPERSAMPLING for side in covered.shape)
    colour[~covered] = 0
    small = cv2.resize(colour, (columns, rows), interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(covered.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    return np.clip(small, 0, 255).astype(np.uint8), (alpha * 255).astype(np.uint8)
