"""Which found face is the labelled one.

Pairs are taken from the best intersection over union downwards, each face once; a pair counts when
the centre of one box lies in the other, or when they share at least a fifth. Labels of different
sets draw their boxes very differently (brows to chin, or hair to neck), so no large overlap can be
asked for. Where the set has no
boxes, the largest face found is meant. What the face's points or angles are plays no part.
"""

import numpy as np
from numpy.typing import NDArray

from workers.geometry.boxes import box_iou

Doubles = NDArray[np.float64]
NONE = -1
ENOUGH_IOU = 0.2


def match_faces(labelled_xyxy: Doubles, found_xyxy: Doubles) -> NDArray[np.intp]:
    """Return for each labelled box (N, 4) the number of its found box (M, 4), or -1."""
    matched = np.full(len(labelled_xyxy), NONE, np.intp)
    if not len(labelled_xyxy) or not len(found_xyxy):
        return matched
    shared = box_iou(labelled_xyxy.astype(np.float32), found_xyxy.astype(np.float32))
    close = _centred_in_one_another(labelled_xyxy, found_xyxy) | (shared >= ENOUGH_IOU)
    shared = np.where(close, shared, 0.0)
    while shared.max() > 0:
        label, found = np.unravel_index(np.argmax(shared), shared.shape)
        matched[label] = found
        shared[label, :] = 0.0
        shared[:, found] = 0.0
    return matched


def largest(found_xyxy: Doubles) -> int:
    """Return the number of the largest box of (M, 4), or -1."""
    if not len(found_xyxy):
        return NONE
    sides = found_xyxy[:, 2:] - found_xyxy[:, :2]
    return int(np.argmax(sides[:, 0] * sides[:, 1]))


def _centred_in_one_another(a: Doubles, b: Doubles) -> NDArray[np.bool_]:
    """(N, M): the centre of one box is inside the other."""
    centre_a, centre_b = (a[:, :2] + a[:, 2:]) / 2, (b[:, :2] + b[:, 2:]) / 2
    a_in_b = (centre_a[:, None] >= b[None, :, :2]) & (centre_a[:, None] <= b[None, :, 2:])
    b_in_a = (centre_b[None] >= a[:, None, :2]) & (centre_b[None] <= a[:, None, 2:])
    return np.logical_or(a_in_b.all(axis=-1), b_in_a.all(axis=-1))
