"""A student's head in three dimensions: face, skull, hair and ears, with blink and smile.

Everything grows out of the canonical face mesh in MediaPipe's face_landmarker.task. Axes as
there, in centimetres: x to the image's right, y up, z towards the viewer, who stands in front.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deploy.simulator import landmarks as lm
from deploy.simulator.appearance import Appearance
from workers.geometry.canonical_mesh import CanonicalMesh

Floats = NDArray[np.float64]

# The neck's joint, about which the head turns [cm].
PIVOT: Final = np.array([0.0, -8.5, -4.5])
_SKULL_CENTRE: Final = np.array([0.0, 1.5, -3.2])
_SKULL_RADII: Final = np.array([7.9, 9.6, 9.2])
_RINGS: Final = 7
_OPEN_EYES: Final = 1.4  # of the canonical opening
_LID_REST: Final = 0.06  # of the opening that is left when the eye is closed
_FOLD_FOLLOWS: Final = 0.35  # of the lid's way
_SMILE_CM: Final = np.array([0.95, 0.85, -0.6])  # the image-right corner's way
_LIPS_CLOSED: Final = 0.8  # of the canonical gap between the inner lips
# Where the atlas holds hair and plain skin, in the units of the mesh's uv.
HAIR_V: Final = (1.03, 1.22)
SKIN_UV: Final = (0.02, 0.02)


@dataclass(frozen=True, slots=True)
class Surface:
    """Triangles with texture.

    Attributes:
        vertices: (V, 3) [cm].
        triangles: (T, 3) int32 indices of vertices, seen from outside counter-clockwise.
        uv: (T, 3, 2) place of each corner in the atlas.
    """

    vertices: Floats
    triangles: NDArray[np.int32]
    uv: Floats


class Head:
    """One student's head, ready to be posed."""

    def __init__(self, mesh: CanonicalMesh, look: Appearance) -> None:
        self.look = look
        self._face = _proportioned(mesh.vertices, look)
        self._extra = _extra_surfaces(self._face, look)
        offset = len(self._face)
        triangles, uv = [mesh.triangles.astype(np.int32)], [mesh.uv[mesh.triangles]]
        for surface in self._extra:
            triangles.append(surface.triangles + np.int32(offset))
            uv.append(surface.uv)
            offset += len(surface.vertices)
        self.triangles = np.concatenate(triangles)
        self.uv = np.concatenate(uv)
        self.n_face = len(self._face)

    def vertices(self, openness: float, smile: float) -> Floats:
        """All vertices; the first 468 are the face's points.

        Args:
            openness: 1 open, 0 closed.
            smile: 0 none, 1 broad.

        Returns:
            (V, 3) [cm], unturned.
        """
        face = _smiled(_blinked(self._face, openness), smile)
        return np.concatenate([face, *(surface.vertices for surface in self._extra)])


def rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Floats:
    """Matrix of a head pose: yaw + = nose to image right, pitch + = up, roll + = clockwise.

    Returns:
        (3, 3), head axes to viewer axes: yaw = atan2(R02, R22), pitch = asin(R12),
        roll = -atan2(R10, R11).
    """
    yaw, pitch, roll = (math.radians(angle) for angle in (yaw_deg, -pitch_deg, -roll_deg))
    (cy, sy), (cp, sp), (cr, sr) = ((math.cos(a), math.sin(a)) for a in (yaw, pitch, roll))
    # About y by yaw, times about x by -pitch, times about z by -roll.
    return np.array(
        [
            [cy * cr + sy * sp * sr, -cy * sr + sy * sp * cr, sy * cp],
            [cp * sr, cp * cr, -sp],
            [-sy * cr + cy * sp * sr, sy * sr + cy * sp * cr, cy * cp],
        ]
    )


def angles_deg(matrix: Floats) -> tuple[float, float, float]:
    """Yaw, pitch and roll [deg] of a rotation: the inverse of `rotation`."""
    yaw = np.degrees(np.arctan2(matrix[0, 2], matrix[2, 2]))
    pitch = np.degrees(np.arcsin(np.clip(matrix[1, 2], -1.0, 1.0)))
    roll = -np.degrees(np.arctan2(matrix[1, 0], matrix[1, 1]))
    return float(yaw), float(pitch), float(roll)


def _proportioned(vertices: Floats, look: Appearance) -> Floats:
    face = vertices.copy()
    face[:, 0] *= look.width
    below = face[:, 1] < 0
    face[below, 1] *= look.chin
    for upper, lower in _LIDS:
        middle = (face[list(upper)] + face[list(lower)]) / 2
        for lid in (upper, lower):
            inner = list(lid[1:-1])
            face[inner, 1:] = middle[1:-1, 1:] + _OPEN_EYES * (face[inner, 1:] - middle[1:-1, 1:])
    above, beneath = list(lm.UPPER_INNER_LIP[1:-1]), list(lm.LOWER_INNER_LIP[1:-1])
    gap = face[above] - face[beneath]
    face[above] -= gap * _LIPS_CLOSED / 2
    face[beneath] += gap * _LIPS_CLOSED / 2
    return face


_LIDS: Final = (
    (lm.LEFT_UPPER_LID, lm.LEFT_LOWER_LID),
    (lm.RIGHT_UPPER_LID, lm.RIGHT_LOWER_LID),
)
_FOLDS: Final = (lm.LEFT_UPPER_FOLD, lm.RIGHT_UPPER_FOLD)


def _blinked(face: Floats, openness: float) -> Floats:
    closed = face.copy()
    for (upper, lower), fold in zip(_LIDS, _FOLDS, strict=True):
        lid, under, above = list(upper[1:-1]), list(lower[1:-1]), list(fold[1:-1])
        way = (face[under] - face[lid]) * (1 - _LID_REST) * (1 - openness)
        closed[lid] += way
        closed[above] += way * _FOLD_FOLLOWS
    return closed


def _smiled(face: Floats, smile: float) -> Floats:
    if smile <= 0:
        return face
    moved = face.copy()
    for corner, side in zip(lm.MOUTH_CORNERS, (-1.0, 1.0), strict=True):
        distance = np.linalg.norm(face - face[corner], axis=1)
        weight = np.exp(-((distance / 2.0) ** 2))[:, None]
        moved += smile * weight * _SMILE_CM * [side, 1.0, 1.0]
    # The mouth opens downwards, most in its middle; below the lips the chin follows a little.
    moved[list(lm.LOWER_LIP), 1] -= (
        smile * 0.55 * np.exp(-((face[list(lm.LOWER_LIP), 0] / 1.8) ** 2))
    )
    return moved


def _extra_surfaces(face: Floats, look: Appearance) -> list[Surface]:
    surfaces = [_skull(face, look)]
    ears = [
        _ball(np.array([side * 7.7 * look.width, 0.3, -3.6]), [0.8, 2.7, 1.5]) for side in (-1, 1)
    ]
    surfaces += [Surface(b.vertices, b.triangles, _skin_uv(b)) for b in ears]
    if look.hair_style == "long":
        mane = _ball(np.array([0.0, -1.5, -7.0]), [9.3 * look.width, 9.8, 5.6])
        surfaces.append(Surface(mane.vertices, mane.triangles, mane.uv))
    return surfaces


def _skull(face: Floats, look: Appearance) -> Surface:
    """The face's oval lofted to the back pole of an ellipsoid, hair where hair grows."""
    points, is_hair = _loft(face[list(lm.FACE_OVAL)], look)
    n = len(lm.FACE_OVAL)
    vertices = points.reshape(-1, 3)
    triangles, uv = [], []
    hairy = is_hair.reshape(-1)
    for ring in range(_RINGS):
        for k in range(n):
            a, b = ring * n + k, ring * n + (k + 1) % n
            for corners in ((a, a + n, b), (b, a + n, b + n)):
                triangles.append(corners)
                uv.append(_strand_uv(corners, n) if hairy[a + n] or hairy[b + n] else [SKIN_UV] * 3)
    surface = Surface(vertices, np.array(triangles, np.int32), np.array(uv, np.float64))
    return _oriented(surface, _SKULL_CENTRE)


def _loft(oval: Floats, look: Appearance) -> tuple[Floats, NDArray[np.bool_]]:
    scaled = (oval - _SKULL_CENTRE) / _SKULL_RADII
    radius = np.linalg.norm(scaled, axis=1)
    start = np.arccos(scaled[:, 2] / radius)
    angle = np.arctan2(scaled[:, 1], scaled[:, 0])
    share = np.linspace(0, 1, _RINGS + 1)[:, None]
    polar = start + (np.pi - start) * share
    # Height of a place on the oval: 1 crown, 0 ear, -1 neck.
    height = np.broadcast_to(np.sin(angle), polar.shape)
    lowest = {"short": -0.35, "full": -0.6, "long": -0.5}[look.hair_style]
    is_hair = (height > np.where(share < 0.2, 0.45, np.where(share < 0.4, 0.1, lowest))) & (
        share > 0
    )
    stretch = radius * (1 - share) + share
    stretch = stretch + np.where(is_hair, look.hair_volume * np.clip(0.7 + height, 0.4, 1.2), 0.0)
    direction = np.stack(
        [np.cos(angle) * np.sin(polar), np.sin(angle) * np.sin(polar), np.cos(polar)], axis=2
    )
    return _SKULL_CENTRE + _SKULL_RADII * stretch[..., None] * direction, is_hair


def _strand_uv(corners: tuple[int, int, int], n: int) -> list[tuple[float, float]]:
    low, high = HAIR_V
    # Strands run from the hair line to the back; the seam between the last and the first column
    # falls on the crown, where a parting is.
    return [(0.02 + 0.96 * (c % n) / n, low + (high - low) * (c // n) / _RINGS) for c in corners]


def _ball(centre: Floats, radii: list[float], n_around: int = 14, n_down: int = 8) -> Surface:
    polar = np.linspace(0.02, np.pi - 0.02, n_down + 1)[:, None]
    around = np.linspace(0, 2 * np.pi, n_around, endpoint=False)[None]
    unit = np.stack(
        [
            np.sin(polar) * np.cos(around),
            np.cos(polar) + 0 * around,
            np.sin(polar) * np.sin(around),
        ],
        axis=2,
    )
    triangles, uv = [], []
    low, high = HAIR_V
    for i in range(n_down):
        for k in range(n_around):
            a, b = i * n_around + k, i * n_around + (k + 1) % n_around
            for corners in ((a, b, a + n_around), (b, b + n_around, a + n_around)):
                triangles.append(corners)
                uv.append(
                    [
                        (0.02 + 0.96 * (c % n_around) / n_around,
                         low + (high - low) * (c // n_around) / n_down)
                        for c in corners
                    ]
                )  # fmt: skip
    surface = Surface(
        centre + np.array(radii) * unit.reshape(-1, 3),
        np.array(triangles, np.int32),
        np.array(uv, np.float64),
    )
    return _oriented(surface, centre)


def _skin_uv(surface: Surface) -> Floats:
    return np.broadcast_to(np.array(SKIN_UV), surface.uv.shape).copy()


def _oriented(surface: Surface, inside: Floats) -> Surface:
    """Turn every triangle so that it runs counter-clockwise seen from outside."""
    a, b, c = (surface.vertices[surface.triangles[:, i]] for i in range(3))
    outward = np.einsum("ij,ij->i", np.cross(b - a, c - a), (a + b + c) / 3 - inside)
    order = np.where((outward < 0)[:, None], [2, 1, 0], [0, 1, 2])
    return Surface(
        surface.vertices,
        np.take_along_axis(surface.triangles, order, axis=1),
        np.take_along_axis(surface.uv, order[..., None], axis=1),
    )
