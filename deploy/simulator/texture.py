"""A face painted by program: about 25 blurred shapes on skin, and a band of hair below it.

The atlas is laid out by the canonical mesh's own uv (0..1 across and down), with the band of
hair below 1; colours are red, green, blue.
"""

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from deploy.simulator import landmarks as lm
from deploy.simulator.appearance import Appearance, Colour
from deploy.simulator.head import HAIR_V

SIZE: Final = 512  # texels across, and down to uv 1
ROWS: Final = SIZE * 5 // 4
MIP_LEVELS: Final = 5
_SHIFT: Final = 4  # cv2 draws in 1/16 texel

Atlas = NDArray[np.uint8]
Points = NDArray[np.float64]
Window = tuple[slice, slice]


def paint(look: Appearance, uv: NDArray[np.float64]) -> list[Atlas]:
    """Paint one student's atlas.

    Args:
        look: the student.
        uv: (468, 2) of the canonical mesh.

    Returns:
        Mip levels, each half the size of the one before: (ROWS/2^i, SIZE/2^i, 3) RGB.
    """
    brush = _Brush(look, uv * SIZE)
    brush.skin()
    brush.features()
    brush.hair()
    levels = [np.clip(brush.canvas, 0, 255).astype(np.uint8)]
    while len(levels) < MIP_LEVELS:
        last = levels[-1]
        size = (last.shape[1] // 2, last.shape[0] // 2)
        levels.append(np.asarray(cv2.resize(last, size, interpolation=cv2.INTER_AREA), np.uint8))
    return levels


class _Brush:
    def __init__(self, look: Appearance, points: Points) -> None:
        self._look = look
        self._points = points
        self._rng = np.random.default_rng([look.seed, 2])
        self.canvas = np.empty((ROWS, SIZE, 3), np.float32)

    def skin(self) -> None:
        self.canvas[:] = self._look.skin
        mottling = self._rng.normal(0, 1, (ROWS // 16, SIZE // 16)).astype(np.float32)
        self.canvas += (
            5 * cv2.resize(mottling, (SIZE, ROWS), interpolation=cv2.INTER_CUBIC)[..., None]
        )
        red = _mixed(self._look.skin, (214, 96, 84), 0.30)
        for cheek in (lm.LEFT_CHEEK, lm.RIGHT_CHEEK):
            self._ellipse(self._points[cheek], (44, 36), red, blur=18, opacity=0.6)

    def features(self) -> None:
        dark = _mixed(self._look.skin, (40, 16, 10), 0.40)
        for fold, lid in _EYES_AND_FOLDS:
            # The socket's shade lies between the brow and the eye.
            self._polygon([*fold, *reversed(lid)], dark, blur=3, opacity=0.9)
        self._nose(dark)
        self._mouth()
        for upper, lower in _EYES:
            self._eye(upper, lower)
        brow = _mixed(self._look.hair, (30, 22, 18), 0.4)
        for points in (lm.LEFT_BROW, lm.RIGHT_BROW):
            self._polygon(points, brow, blur=2, opacity=0.85)

    def hair(self) -> None:
        top, bottom = int(HAIR_V[0] * SIZE) - 8, ROWS
        coarse = self._rng.normal(0, 1, (6, SIZE // 3)).astype(np.float32)
        strands = cv2.resize(coarse, (SIZE, bottom - top), interpolation=cv2.INTER_LINEAR)
        self.canvas[top:bottom] = np.array(self._look.hair) + 10 * strands[..., None]
        arc = [i for i in lm.FACE_OVAL if self._points[i, 1] < 0.33 * SIZE]
        arc.sort(key=lambda i: float(self._points[i, 0]))
        outer = self._points[arc]
        middle = np.array([0.5, 0.5]) * SIZE
        inner = middle + (outer - middle) * 0.885
        jagged = inner + self._rng.normal(0, 3, inner.shape)
        ring = np.concatenate([middle + (outer - middle) * 1.1, jagged[::-1]])
        self._fill(ring, self._look.hair, blur=2, opacity=1.0)

    def _nose(self, dark: Colour) -> None:
        for nostril in lm.NOSTRILS:
            inward = self._points[lm.NOSE_BASE] * 0.4 + self._points[nostril] * 0.6
            self._ellipse(inward, (9, 5), _mixed(dark, (30, 10, 8), 0.6), blur=3, opacity=0.8)
        for side in (-1, 1):
            flank = self._points[lm.NOSE_BASE] + (side * 36, -22)
            self._ellipse(flank, (5, 16), dark, blur=5, opacity=0.45)
        bridge = self._points[lm.NOSE_BASE] + (0, -60)
        light = _mixed(self._look.skin, (255, 246, 236), 0.4)
        self._ellipse(bridge, (7, 46), light, blur=6, opacity=0.5)

    def _mouth(self) -> None:
        lips = _mixed(self._look.skin, (168, 52, 60), 0.50)
        self._polygon(lm.OUTER_LIPS, lips, blur=2, opacity=0.9)
        below = self._points[17] + (0, 16)
        self._ellipse(below, (30, 6), _mixed(self._look.skin, (60, 24, 16), 0.35), 5, 0.5)
        self._line(lm.UPPER_INNER_LIP, _mixed(lips, (50, 10, 12), 0.65), thickness=4, blur=1)
        inside = [*lm.UPPER_INNER_LIP, *reversed(lm.LOWER_INNER_LIP)]
        self._polygon(inside, (226, 216, 204), blur=0, opacity=0.9)

    def _eye(self, upper: Sequence[int], lower: Sequence[int]) -> None:
        outline = [*upper, *reversed(lower)]
        corners = self._points[[upper[0], upper[-1]]]
        middle = (self._points[upper[4]] + self._points[lower[4]]) / 2
        width = float(np.linalg.norm(corners[1] - corners[0]))
        where = _around(self._points[outline], 2)
        before = self.canvas[where].copy()
        self._polygon(outline, (240, 238, 236), blur=1, opacity=1.0)
        self._ellipse(middle, (width * 0.18,) * 2, (62, 40, 30), blur=1, opacity=1.0)
        self._ellipse(middle, (width * 0.09,) * 2, (18, 14, 14), blur=1, opacity=1.0)
        # Nothing of white or iris may stand outside the lids.
        inside = _mask(self._points[outline], where, blur=1)[..., None]
        self.canvas[where] = before + (self.canvas[where] - before) * inside
        self._line(upper, (60, 36, 30), thickness=2, blur=1)
        self._line(lower, _mixed(self._look.skin, (70, 34, 28), 0.4), thickness=1, blur=1)

    def _polygon(self, indices: Sequence[int], colour: Colour, blur: int, opacity: float) -> None:
        self._fill(self._points[list(indices)], colour, blur, opacity)

    def _fill(self, points: Points, colour: Colour, blur: int, opacity: float) -> None:
        where = _around(points, blur)
        mask = _mask(points, where, blur)
        self._blend(where, mask, colour, opacity)

    def _ellipse(
        self, centre: Points, radii: tuple[float, float], colour: Colour, blur: int, opacity: float
    ) -> None:
        around = np.linspace(0, 2 * np.pi, 40, endpoint=False)[:, None]
        points = centre + np.concatenate([radii[0] * np.cos(around), radii[1] * np.sin(around)], 1)
        self._fill(points, colour, blur, opacity)

    def _line(self, indices: Sequence[int], colour: Colour, thickness: int, blur: int) -> None:
        points = self._points[list(indices)]
        where = _around(points, blur + thickness)
        mask = np.zeros(_shape(where), np.float32)
        line = _fixed(points - _corner(where))
        cv2.polylines(mask, [line], isClosed=False, color=(1.0,), thickness=thickness, shift=_SHIFT)
        self._blend(where, _blurred(mask, blur), colour, 0.9)

    def _blend(
        self, where: Window, mask: NDArray[np.float32], colour: Colour, opacity: float
    ) -> None:
        part = self.canvas[where]
        part += (np.array(colour, np.float32) - part) * (mask * opacity)[..., None]


_EYES: Final = (
    (lm.LEFT_UPPER_LID, lm.LEFT_LOWER_LID),
    (lm.RIGHT_UPPER_LID, lm.RIGHT_LOWER_LID),
)
_EYES_AND_FOLDS: Final = (
    (lm.LEFT_UPPER_FOLD, lm.LEFT_UPPER_LID),
    (lm.RIGHT_UPPER_FOLD, lm.RIGHT_UPPER_LID),
)


def _around(points: Points, blur: int) -> Window:
    """The part of the canvas that a blurred shape can touch."""
    margin = 4 * blur + 2
    low = np.maximum(np.floor(points.min(0)).astype(int) - margin, 0)
    high = np.minimum(np.ceil(points.max(0)).astype(int) + margin, (SIZE, ROWS))
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


def _corner(where: Window) -> Points:
    return np.array([where[1].start, where[0].start], np.float64)


def _shape(where: Window) -> tuple[int, int]:
    return where[0].stop - where[0].start, where[1].stop - where[1].start


def _mask(points: Points, where: Window, blur: int) -> NDArray[np.float32]:
    mask = np.zeros(_shape(where), np.float32)
    cv2.fillPoly(mask, [_fixed(points - _corner(where))], (1.0,), shift=_SHIFT)
    return _blurred(mask, blur)


def _fixed(points: Points) -> NDArray[np.int32]:
    return np.round(points * (1 << _SHIFT)).astype(np.int32)


def _blurred(mask: NDArray[np.float32], blur: int) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), blur), np.float32) if blur else mask


def _mixed(colour: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (
        round(a * (1 - share) + b * share) for a, b in zip(colour, other, strict=True)
    )
    return red, green, blue
