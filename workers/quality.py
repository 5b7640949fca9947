"""How far a face's landmarks can be trusted: 0 not at all, 1 as if the picture were perfect.

The value is an estimate of one thing: how far landmarks lie from where they would lie in a clean
picture of the same face, as a share of the face's height. Quality is a half where that is 3 %.
Sharpness is the variance of the Laplacian (J. L. Pech-Pacheco et al., ICPR 2000), at one scale for
all faces and against the face's own contrast: a dark or a pale face is not a worse one.

It is a reading for people and for exports. AS-1 computes its own weight `q` from size, confidence
and yaw (`aggregator.score`), which are in here as well: multiply the two and they count twice.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.stages import Floats

# Least squares on log displacement: 3,139 sightings of 132 faces (Pointing'04, dlib's snapshots),
# made smaller, blurred, compressed and noisy; the clean picture's landmarks are the truth. With
# YuNet's confidence: another detector's shifts the level, not the order of its faces.
_WITH_PRESENCE: Final = (2.19, -0.33, -0.24, -5.95, -0.093)
_WITHOUT: Final = (4.42, -0.37, -0.32, -9.00)
"""Constant; powers of height [px] and sharpness; confidence; log odds of presence."""

_HALF_AT: Final = 0.03
_TURNED_DEG: Final = 30.0
_DOUBLES_DEG: Final = 18.0
"""Beyond 30 degrees of yaw the pose's error doubles every 18: on AFLW2000 it is 2.5 degrees below
30, 4.8 up to 60 and 15 beyond. Landmarks alone do not show that."""

_FACE_PX: Final = 85
_FLAT: Final = 16.0
"""Grey levels squared: what noise alone may vary in a face without any contrast."""


def sharpness(crops: NDArray[np.uint8], margin: float | Floats = 1.5) -> Floats:
    """Return the sharpness (N,) of faces: 0 for a flat one, .01 at 28 px, .15 at 150 px.

    A face enlarged to fill its crop is as little sharp as a blurred one: it has no more detail.

    Args:
        crops: (N, S, S, 3) uint8 RGB.
        margin: a crop's side over the face box's longer side; one for all, or (N,).
    """
    side = crops.shape[1]
    edges = np.broadcast_to((side - side / np.maximum(margin, 1.0)) / 2, len(crops))
    answers = np.empty(len(crops), np.float32)
    for n, (crop, start) in enumerate(zip(crops, edges.round().astype(int), strict=True)):
        end = side - start
        grey = cv2.cvtColor(crop[start:end, start:end], cv2.COLOR_RGB2GRAY)
        face = cv2.resize(grey, (_FACE_PX, _FACE_PX), interpolation=cv2.INTER_AREA)
        _, contrast = cv2.meanStdDev(face)
        _, detail = cv2.meanStdDev(cv2.Laplacian(face, cv2.CV_32F)[1:-1, 1:-1])
        answers[n] = detail[0, 0] ** 2 / (contrast[0, 0] ** 2 + _FLAT)
    return answers


def expected_displacement(
    height_px: Floats, sharpness: Floats, presence: Floats | None, confidence: Floats
) -> NDArray[np.float64]:
    """Return by how much of the face's height (N,) landmarks are expected to be off.

    Args:
        height_px: (N,) of the detector's box.
        sharpness: (N,), see `sharpness`.
        presence: (N,) in 0..1, the landmark network's opinion; None or NaN where it has none.
        confidence: (N,) in 0..1, the detector's.
    """
    # Beyond what was measured nothing is promised: inputs stop there.
    height = np.log(np.clip(height_px, 8, 160).astype(np.float64))
    detail = np.log(np.clip(sharpness, 1e-3, 1).astype(np.float64) + 1e-3)
    sure = np.clip(confidence, 0.6, 0.95).astype(np.float64)
    start, by_height, by_detail, by_sure = _WITHOUT
    without = start + by_height * height + by_detail * detail + by_sure * sure
    if presence is None:
        return np.exp(without)
    seen = np.clip(presence.astype(np.float64), 1e-7, 1 - 1e-7)
    odds = np.clip(np.log(seen / (1 - seen)), -7, 7)
    start, by_height, by_detail, by_sure, by_odds = _WITH_PRESENCE
    known = start + by_height * height + by_detail * detail + by_sure * sure + by_odds * odds
    return np.exp(np.where(np.isnan(odds), without, known))


def face_quality(
    height_px: Floats,
    sharpness: Floats,
    presence: Floats | None,
    yaw_deg: NDArray[np.floating],
    confidence: Floats,
) -> Floats:
    """Return the quality (N,) float32 in 0..1; see the module and `expected_displacement`.

    Args:
        height_px: (N,) of the detector's box.
        sharpness: (N,), see `sharpness`.
        presence: (N,) in 0..1, or None or NaN.
        yaw_deg: (N,); NaN, no pose, counts as a profile.
        confidence: (N,) in 0..1.
    """
    displacement = expected_displacement(height_px, sharpness, presence, confidence)
    turned = np.abs(np.nan_to_num(np.asarray(yaw_deg, np.float64), nan=90.0))
    error = displacement * 2 ** (np.maximum(turned - _TURNED_DEG, 0) / _DOUBLES_DEG)
    return (1 / (1 + (error / _HALF_AT) ** 2)).astype(np.float32)
