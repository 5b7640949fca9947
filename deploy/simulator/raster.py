"""Triangles to pixels: painter's order, texture, Lambert light, two-fold supersampling."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from deploy.simulator.cutout import Cutout
from deploy.simulator.head import Floats, Head

_SUPERSAMPLING: Final = 2
_LIGHT: Final = np.array([0.25, 0.65, 0.72]) / np.linalg.norm([0.25, 0.65, 0.72])
_AMBIENT: Final = 0.5
_BRIGHTEST: Final = 1.08
_BOX_OF_MESH: Final = np.array([0.94, 1.075])
_BOX_UP: Final = 0.037
_MARGIN_PX: Final = 2
_SHIFT: Final = 3  # cv2 takes corners in 1/8 pixel
# The atlas has 512 texels for the 15.5 cm between the ears; the front is less stretched.
_TEXELS_PER_CM: Final = 30.0


@dataclass(frozen=True, slots=True)
class Sprite:
    """A drawn head.

    Attributes:
        cutout: its pixels, round the head's reference point.
        points_xy: (468, 2) the face's points relative to the reference point [px].
    """

    cutout: Cutout
    points_xy: NDArray[np.float32]

    @property
    def box_xyxy(self) -> NDArray[np.float32]:
        """Box of the face as YuNet draws it, relative to the reference point [px].

        Measured on frontal simulated faces: a little narrower than the mesh, higher, and moved up.
        """
        return face_boxes(self.points_xy)


def face_boxes(points_xy: NDArray[np.float32]) -> NDArray[np.float32]:
    """(…, 4) boxes of faces as YuNet draws them, of the faces' points (…, 468, 2)."""
    low, high = points_xy.min(-2), points_xy.max(-2)
    middle = (low + high) / 2 - np.array([0.0, _BOX_UP]) * (high - low)
    half = (high - low) / 2 * _BOX_OF_MESH
    return np.concatenate([middle - half, middle + half], axis=-1).astype(np.float32)


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
    colour = _shaded_texture(owner, _planes(corners, head, drawn, shade), _mip(atlas, px_per_cm))
    cutout = Cutout(*_reduced(colour, owner >= 0), origin_xy=(-int(low[0]), -int(low[1])))
    return Sprite(cutout, flat[: head.n_face].astype(np.float32))


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
    """(V,) Lambert light on each vertex, its normal the mean of its triangles' by area."""
    a, b, c = (turned[triangles[:, i]] for i in range(3))
    p, q = b - a, c - a
    normals = np.stack(
        [p[:, 1] * q[:, 2] - p[:, 2] * q[:, 1], p[:, 2] * q[:, 0] - p[:, 0] * q[:, 2],
         p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]]
    )  # fmt: skip
    corners = triangles.T.ravel()
    normal: Floats = np.stack(
        [np.bincount(corners, np.tile(axis, 3), minlength=len(turned)) for axis in normals], axis=1
    )
    normal = normal / (np.sqrt((normal * normal).sum(1, keepdims=True)) + 1e-9)
    shade: Floats = _AMBIENT + (_BRIGHTEST - _AMBIENT) * np.clip(normal @ _LIGHT, 0, 1)
    return shade


def _shaded_texture(
    owner: NDArray[np.int32], planes: NDArray[np.float32], level: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Interpolate uv and light over each pixel and look the texture up."""
    y, x = np.nonzero(owner >= 0)
    plane = planes[owner[y, x]]
    along, down = (x + 0.5).astype(np.float32), (y + 0.5).astype(np.float32)
    maps = np.zeros((3, *owner.shape), np.float32)
    for index in range(3):
        dx, dy, start = plane[:, 3 * index], plane[:, 3 * index + 1], plane[:, 3 * index + 2]
        maps[index, y, x] = dx * along + dy * down + start
    scale = level.shape[1]
    # Whole pictures, not lists of pixels: cv2.remap fails beyond 32,766 rows.
    texels = cv2.remap(
        level, maps[0] * scale - 0.5, maps[1] * scale - 0.5, cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    shaded: NDArray[np.float32] = texels * np.clip(maps[2], 0.3, 1.2)[..., None]
    return shaded


def _planes(
    corners: Floats, head: Head, drawn: NDArray[np.int64], shade: Floats
) -> NDArray[np.float32]:
    """Affine functions of u, v and shade on each drawn triangle.

    Returns:
        (T, 9): d/dx, d/dy and constant of each; rows of triangles that are not drawn stay 0.
    """
    triangles = head.triangles[drawn]
    values = np.concatenate([head.uv[drawn], shade[triangles][..., None]], axis=2)
    origin = corners[triangles[:, 0]]
    p, q = corners[triangles[:, 1]] - origin, corners[triangles[:, 2]] - origin
    area = p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]
    # Slivers would shoot beyond the texture: give them their middle's value.
    sliver = np.abs(area) < 0.5
    inverse = np.where(sliver, 0.0, 1.0 / np.where(sliver, 1.0, area))[:, None]
    up, vp = values[:, 1] - values[:, 0], values[:, 2] - values[:, 0]
    dx = (up * q[:, 1:] - vp * p[:, 1:]) * inverse
    dy = (vp * p[:, :1] - up * q[:, :1]) * inverse
    start = values[:, 0] - dx * origin[:, :1] - dy * origin[:, 1:]
    start[sliver] = values[sliver].mean(1)
    planes = np.zeros((len(head.triangles), 9), np.float32)
    planes[drawn] = np.stack([dx, dy, start], axis=2).reshape(-1, 9)
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
