"""Which face continues which track.

1. Confident faces choose among all tracks by overlap (ByteTrack, Zhang et al. 2022,
   arXiv:2110.06864), boxes grown by a buffer (C-BIoU, Yang et al. 2023, arXiv:2211.14317).
2. Doubtful ones may continue what is left.
3. What is left of both is compared by distance. A track of one sighting has no known speed: who
   walks past moves by several face sizes between two frames. Others may have ducked or leant.

Shape letters: N tracks, M faces.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aggregator.assignment import Indices, best_pairs
from aggregator.overlap import buffered_iou
from aggregator.tracks import Floats

_MIN_OVERLAP: Final = 0.2
_REACH: Final = 0.75  # face heights
_REACH_PER_S: Final = 0.75
_REACH_PER_S_OF_NEW: Final = 10.0
_HEIGHTS: Final = np.array([1.25, 1.0])[:, None, None]  # of a face in its widths and heights
_MOST_GROWTH: Final = 0.25  # of width or height, whichever changed less


class Expected(NamedTuple):
    """What is expected of the tracks.

    Attributes:
        xy: (2, N) centres.
        wh: (2, N)
        buffer: (N,) see `overlap.buffered_iou`.
        gap_s: (N,) time since they were seen.
        is_new: (N,) seen once.
    """

    xy: Floats
    wh: Floats
    buffer: Floats
    gap_s: Floats
    is_new: NDArray[np.bool_]


def associate(tracks: Expected, seen: Floats, n_high: int) -> tuple[Indices, Indices]:
    """One-to-one pairs of track and face.

    Args:
        tracks: where they should be.
        seen: (4, M) boxes (centre, size), the confident ones first.
        n_high: how many of them are confident.

    Returns:
        Tracks and faces of the pairs.
    """
    overlap = buffered_iou(tracks.xy, tracks.wh, seen[:2], seen[2:], tracks.buffer)
    rows, faces = best_pairs(overlap[:, :n_high], _MIN_OVERLAP)
    if n_high < seen.shape[1]:
        left = _others(len(overlap), rows)
        more, doubtful = best_pairs(overlap[left, n_high:], _MIN_OVERLAP)
        rows = np.concatenate([rows, left[more]])
        faces = np.concatenate([faces, doubtful + n_high])
    if len(rows) < len(overlap) and len(faces) < seen.shape[1]:
        left, loose = _others(len(overlap), rows), _others(seen.shape[1], faces)
        more, far = best_pairs(_nearness(tracks, left, seen, loose, n_high), 0.0)
        rows = np.concatenate([rows, left[more]])
        faces = np.concatenate([faces, loose[far]])
    return rows, faces


def _others(count: int, chosen: Indices) -> Indices:
    left = np.ones(count, np.bool_)
    left[chosen] = False
    return left.nonzero()[0]


def _nearness(tracks: Expected, left: Indices, seen: Floats, loose: Indices, n_high: int) -> Floats:
    """(len(left), len(loose)) 1 at the expected place, 0 out of reach."""
    wh = tracks.wh.take(left, axis=1)[:, :, None]
    boxes = seen.take(loose, axis=1)[:, None, :]
    gap_s, is_new = tracks.gap_s.take(left), tracks.is_new.take(left)
    # A bowed head's face is low and flat: the whole one is the measure, on the way down and up.
    size = np.maximum(wh, boxes[2:]) * _HEIGHTS
    away = (boxes[:2] - tracks.xy.take(left, axis=1)[:, :, None]) / size
    growth = np.abs(boxes[2:] / wh - 1.0).min(axis=0)
    reach = _REACH + np.where(
        is_new, _REACH_PER_S_OF_NEW * np.minimum(gap_s, 1.0), _REACH_PER_S * gap_s
    )
    nearness: Floats = 1.0 - np.sqrt(away[0] ** 2 + away[1] ** 2) / reach[:, None]
    # A doubtful face far away is not enough to tell where a newcomer goes.
    barred = is_new[:, None] & (loose >= n_high)
    nearness[(growth > _MOST_GROWTH) | (nearness < 0.0) | barred] = 0.0
    return nearness
