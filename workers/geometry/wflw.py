"""WFLW's 98 face points and 300-W's 68: which is which, and where they lie on the average face.

Source: W. Wu et al., "Look at Boundary", CVPR 2018 (WFLW); C. Sagonas et al., "300 Faces
In-The-Wild Challenge", 2013. Left and right are the picture's. WFLW: 0–32 along the jaw from left
to right, 33–41 and 42–50 brows, 51–54 bridge of the nose down to its tip, 55–59 its base, 60–67 and
68–75 eyes from their left corner over the upper lid, 76–87 outer and 88–95 inner lips from the left
corner over the upper lip, 96 and 97 pupils.

MediaPipe's mesh has vertices at nearly the same places. Jaw points are no places of the skin: a
human or a network puts them where the outline is seen, so a turned head moves them. Nothing rigid
should lean on them.
"""

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.geometry.canonical_mesh import load_canonical_mesh

_JAW: Final = (
    (127,), (234, 127), (234,), (93, 234), (93,), (132,), (58, 132), (58,), (172, 58), (172,),
    (136,), (150,), (149,), (176,), (148, 176), (152, 148), (152,), (152, 377), (377, 400),
    (400,), (378,), (379,), (365,), (397,), (397, 288), (288,), (288, 361), (361,), (323,),
    (323, 454), (454,), (454, 356), (356,),
)  # fmt: skip
_LEFT_BROW: Final = (
    (70,), (63,), (105,), (66,), (107,), (55,), (65,), (52,), (53,),
)  # fmt: skip
_RIGHT_BROW: Final = (
    (336,), (296,), (334,), (293,), (300,), (283,), (282,), (295,), (285,),
)  # fmt: skip
_NOSE: Final = (
    (168,), (197, 6), (5, 195), (4,), (98,), (97,), (2,), (326,), (327,),
)  # fmt: skip
_LEFT_EYE: Final = (
    (33,), (160,), (159,), (158,), (133,), (153,), (145,), (144,),
)  # fmt: skip
_RIGHT_EYE: Final = (
    (362,), (385,), (386,), (387,), (263,), (373,), (374,), (380,),
)  # fmt: skip
_OUTER_LIPS: Final = (
    (61,), (40,), (37,), (0,), (267,), (270,), (291,), (321,), (314,), (17,), (84,), (91,),
)  # fmt: skip
_INNER_LIPS: Final = ((78,), (81,), (13,), (311,), (308,), (402,), (14,), (178,))
# The mesh has no irises: the middle of the lids stands for them.
_PUPILS: Final = ((159, 145), (386, 374))

_OF_MESH: Final = (
    _JAW + _LEFT_BROW + _RIGHT_BROW + _NOSE + _LEFT_EYE + _RIGHT_EYE + _OUTER_LIPS + _INNER_LIPS
    + _PUPILS
)  # fmt: skip

TO_68: Final = np.array(
    [
        *range(0, 33, 2),
        *range(33, 38),
        *range(42, 47),
        *range(51, 60),
        *(60, 61, 63, 64, 65, 67),
        *(68, 69, 71, 72, 73, 75),
        *range(76, 96),
    ]
)
"""(68,) which of the 98 points each of 300-W's 68 points is."""

EYES_98: Final = np.array([(60, 61, 63, 64, 65, 67), (68, 69, 71, 72, 73, 75)])
"""(2, 6) points of the image-left and image-right eye for the eye aspect ratio."""

FIVE_98: Final = np.array([96, 97, 54, 76, 82])
"""Pupils, nose tip and corners of the mouth, image-left first."""

_FIRST: Final = np.array([places[0] for places in _OF_MESH])
_SECOND: Final = np.array([places[-1] for places in _OF_MESH])


def wflw_of_mesh(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the 98 points (…, 98, D) of mesh points (…, L, D), L ≥ 468."""
    middles: NDArray[np.floating] = (points[..., _FIRST, :] + points[..., _SECOND, :]) / 2
    return middles


@cache
def model_points_98() -> NDArray[np.float64]:
    """Return the 98 points (98, 3) of the canonical face [cm], axes as of the canonical mesh.

    Raises:
        WeightsMissingError, WeightsHashError: see `workers.weights.read_weights`.
    """
    points = wflw_of_mesh(load_canonical_mesh().vertices).astype(np.float64)
    points.flags.writeable = False
    return points
