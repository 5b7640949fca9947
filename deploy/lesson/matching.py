"""Which found face is whose: boxes of one frame against the truth's boxes of the same frame."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from deploy.simulator.truth import Truth

LEAST_IOU: Final = 0.25
MOST_HIDDEN: Final = 0.98

Floats = NDArray[np.floating]


def match_boxes(found: Floats, true: Floats) -> list[tuple[int, int]]:
    """One-to-one pairs (found, true) of boxes (N, 4) and (M, 4) that overlap enough."""
    if not len(found) or not len(true):
        return []
    low = np.maximum(found[:, None, :2], true[None, :, :2])
    high = np.minimum(found[:, None, 2:], true[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0.0, None), axis=-1)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (found, true)]
    iou = shared / (areas[0][:, None] + areas[1][None, :] - shared)
    rows, columns = linear_sum_assignment(-iou)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return [(row, column) for row, column in pairs if iou[row, column] >= LEAST_IOU]


class People:
    """Everybody in one camera's picture: the students first, then bystanders."""

    def __init__(self, students: Truth, bystanders: Truth) -> None:
        self.students, self.bystanders = students, bystanders
        self.boxes_xyxy = np.concatenate([students.box_xyxy, bystanders.box_xyxy], axis=1)
        hidden = np.concatenate([students.occluded, bystanders.occluded], axis=1)
        there = np.concatenate([students.present, bystanders.present], axis=1)
        self._may_be_seen = there & (hidden <= MOST_HIDDEN)

    def frame_at(self, time_s: float) -> int:
        """The number of the frame nearest to a time from the film's start."""
        return min(max(round(time_s * self.students.fps), 0), len(self.boxes_xyxy) - 1)

    def owners(self, frame: int, found: Floats) -> list[int | None]:
        """Whose each found box (N, 4) is: an index of students, then bystanders; None: nobody's."""
        candidates = np.flatnonzero(self._may_be_seen[frame])
        owners: list[int | None] = [None] * len(found)
        for row, column in match_boxes(found, self.boxes_xyxy[frame, candidates]):
            owners[row] = int(candidates[column])
        return owners
