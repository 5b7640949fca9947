"""How well numbers stay with people: IDF1 and identity switches.

- IDF1: Ristani et al. 2016 (arXiv:1609.01775). Whole trajectories are paired, one
  true with one told, so that as few boxes as possible are left over; what lies on a pair of paired
  trajectories is right, everything else wrong.
- Switches: Bernardin & Stiefelhagen 2008 (mismatches): how often the number of a true person is
  another one than when it was last found. A pair of the frame before is kept while it overlaps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

SAME_FACE_IOU = 0.5
_NEVER = 1e9


@dataclass(frozen=True)
class Boxes:
    """Who is where in one frame: K numbers and (K, 4) corners."""

    ids: tuple[int, ...]
    xyxy: NDArray[np.float64]


@dataclass(frozen=True)
class Identity:
    """Counts of boxes over a film, and switches."""

    right: int
    missed: int
    wrong: int
    switches: int

    @property
    def idf1(self) -> float:
        return 2 * self.right / max(2 * self.right + self.missed + self.wrong, 1)


def compare(truth: Sequence[Boxes], told: Sequence[Boxes]) -> Identity:
    """Compare frame by frame what was told with the truth."""
    overlaps = [iou(true.xyxy, seen.xyxy) for true, seen in zip(truth, told, strict=True)]
    right, missed, wrong = _identity(truth, told, overlaps)
    return Identity(right, missed, wrong, _switches(truth, told, overlaps))


def iou(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, M) intersection over union of boxes given by their corners."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=-1)
    size_a, size_b = (np.prod(boxes[:, 2:] - boxes[:, :2], axis=-1) for boxes in (a, b))
    return shared / (size_a[:, None] + size_b - shared)


def _identity(truth, told, overlaps) -> tuple[int, int, int]:
    true_count = Counter(i for frame in truth for i in frame.ids)
    told_count = Counter(i for frame in told for i in frame.ids)
    both = Counter(
        (true.ids[row], seen.ids[column])
        for true, seen, overlap in zip(truth, told, overlaps, strict=True)
        for row, column in np.argwhere(overlap >= SAME_FACE_IOU)
    )
    people, tracks = sorted(true_count), sorted(told_count)
    n, m = len(people), len(tracks)
    # Every trajectory also has a partner of its own that means "left over".
    cost = np.zeros((n + m, n + m))
    cost[:n, m:] = cost[n:, :m] = _NEVER
    for row, person in enumerate(people):
        cost[row, m + row] = true_count[person]
        for column, track in enumerate(tracks):
            common = both[person, track]
            cost[row, column] = true_count[person] + told_count[track] - 2 * common
    for column, track in enumerate(tracks):
        cost[n + column, column] = told_count[track]
    paired = [
        (people[row], tracks[column])
        for row, column in zip(*linear_sum_assignment(cost), strict=True)
        if row < n and column < m
    ]
    right = sum(both[pair] for pair in paired)
    return right, true_count.total() - right, told_count.total() - right


def _switches(truth, told, overlaps) -> int:
    last: dict[int, int] = {}
    before: dict[int, int] = {}
    switches = 0
    for true, seen, overlap in zip(truth, told, overlaps, strict=True):
        gain = np.where(overlap >= SAME_FACE_IOU, overlap, -_NEVER)
        for row, person in enumerate(true.ids):
            for column, track in enumerate(seen.ids):
                if before.get(person) == track and gain[row, column] > 0:
                    gain[row, column] += 10.0
        now = {
            true.ids[row]: seen.ids[column]
            for row, column in zip(
                *linear_sum_assignment(np.maximum(gain, 0), maximize=True), strict=True
            )
            if gain[row, column] > 0
        }
        switches += sum(last.get(person, track) != track for person, track in now.items())
        last.update(now)
        before = now
    return switches
