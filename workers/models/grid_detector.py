"""What detectors that answer for each cell of a grid share, before and after their network."""

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.geometry.boxes import keep_best
from workers.stages import Detections, Floats, Image

MAX_COORDINATE_PX = 1e6
"""A box beyond this is a network gone wrong, and its area would overflow float32."""
_MAX_OUTPUT = 1e6
_MAX_LOGARITHM = np.float32(20.0)


def scale_and_pad(
    image: Image, scale: float, multiple: int = 32
) -> tuple[Image, tuple[float, float]]:
    """Scale a picture (H, W, 3) and pad it right and bottom with black.

    Args:
        image: (H, W, 3) uint8.
        scale: factor by which it becomes larger.
        multiple: of which both sides are made multiples.

    Returns:
        The prepared picture, and the scale that whole pixels made of it, across and down.
    """
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    padded = np.zeros((_up(height, multiple), _up(width, multiple), 3), np.uint8)
    if (height, width) == image.shape[:2]:
        padded[:height, :width] = image
    else:
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        padded[:height, :width] = cv2.resize(image, (width, height), interpolation=how)
    return padded, (width / image.shape[1], height / image.shape[0])


def candidates(scores: Floats, geometry: Floats, threshold: float) -> tuple[Floats, Floats, Floats]:
    """Return the cells of one grid that are sure enough, and that hold numbers.

    Args:
        scores: (h, w).
        geometry: (C, h, w).
        threshold: least score.

    Returns:
        Cells (N, 2) as column and row, their geometry (N, C) and their scores (N,).
    """
    rows, columns = np.nonzero(scores >= threshold)
    cells: Floats = np.stack((columns, rows), axis=1).astype(np.float32)
    values, sure = geometry[:, rows, columns].T, scores[rows, columns]
    # A comparison with NaN is False: no number, no face.
    sane = (np.abs(values) < _MAX_OUTPUT).all(axis=1) & np.isfinite(sure)
    return cells[sane], values[sane], sure[sane]


def exp_of(logarithms: Floats) -> Floats:
    """Return e to the power, held where boxes are too large anyway so that nothing overflows."""
    result: Floats = np.exp(np.minimum(logarithms, _MAX_LOGARITHM))
    return result


def best_faces(
    boxes_xyxy: Floats,
    points_xy: Floats,
    confidence: Floats,
    scale_xy: tuple[float, float],
    nms_iou: float,
) -> Detections:
    """Return the faces among a network's candidates, in pixels of the original picture.

    Candidates without an area or far beyond any picture are left out.

    Args:
        boxes_xyxy: (N, 4) [px of the prepared picture].
        points_xy: (N, 5, 2) [px of the prepared picture].
        confidence: (N,).
        scale_xy: pixels of the prepared picture for one of the original, across and down.
        nms_iou: boxes that share more than this are one face.
    """
    sane = _sane(boxes_xyxy, points_xy)
    boxes, points, scores = boxes_xyxy[sane], points_xy[sane], confidence[sane]
    kept = keep_best(boxes, scores, nms_iou)
    shrink = np.reciprocal(np.array(scale_xy, np.float32))
    return Detections(
        boxes_xyxy=boxes[kept] * np.tile(shrink, 2),
        points_xy=points[kept] * shrink,
        confidence=np.clip(scores[kept], 0.0, 1.0),
    )


def _sane(boxes_xyxy: Floats, points_xy: Floats) -> NDArray[np.bool_]:
    numbers = np.concatenate((boxes_xyxy, points_xy.reshape(-1, 10)), axis=1)
    within = (np.abs(numbers) < MAX_COORDINATE_PX).all(axis=1)
    has_area = (boxes_xyxy[:, 2:] > boxes_xyxy[:, :2]).all(axis=1)
    return np.asarray(within & has_area)


def _up(side: int, multiple: int) -> int:
    return -(-side // multiple) * multiple
