"""Axis-aligned boxes as (x0, y0, x1, y1) in pixels."""

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]


def box_area(boxes_xyxy: Boxes) -> NDArray[np.float32]:
    """Return the areas (N,) of boxes (N, 4); 0 for a box turned inside out."""
    sides = np.clip(boxes_xyxy[:, 2:] - boxes_xyxy[:, :2], 0, None)
    area: NDArray[np.float32] = sides[:, 0] * sides[:, 1]
    return area


def box_iou(a_xyxy: Boxes, b_xyxy: Boxes) -> NDArray[np.float32]:
    """Return the intersection over union (N, M) of boxes (N, 4) and (M, 4)."""
    low = np.maximum(a_xyxy[:, None, :2], b_xyxy[None, :, :2])
    high = np.minimum(a_xyxy[:, None, 2:], b_xyxy[None, :, 2:])
    sides = np.clip(high - low, 0, None)
    shared = sides[..., 0] * sides[..., 1]
    union = box_area(a_xyxy)[:, None] + box_area(b_xyxy)[None] - shared
    iou: NDArray[np.float32] = shared / np.maximum(union, np.finfo(np.float32).tiny)
    return iou


def keep_best(
    boxes_xyxy: Boxes, confidence: NDArray[np.float32], max_iou: float
) -> NDArray[np.intp]:
    """Return the indices of the boxes that stay when each suppresses its weaker neighbours.

    Greedy non-maximum suppression; best first, ties in the order given.

    Args:
        boxes_xyxy: (N, 4).
        confidence: (N,).
        max_iou: two boxes that share more than this are one face.
    """
    order = np.argsort(-confidence, kind="stable")
    overlap = box_iou(boxes_xyxy[order], boxes_xyxy[order]) > max_iou
    alive = np.ones(len(order), bool)
    for place in range(len(order)):
        if alive[place]:
            alive[place + 1 :] &= ~overlap[place, place + 1 :]
    return order[alive]
