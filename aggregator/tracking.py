"""Faces of one camera, followed from frame to frame.

ByteTrack's two stages (Zhang et al. 2022, arXiv:2110.06864: confident faces first, doubtful ones
may only continue a track) over the buffered IoU of C-BIoU (Yang et al. 2023, arXiv:2211.14317): at
2 frames a second heads move by more than their own size, so boxes grow with the time since the
track was seen. Positions are fractions of the picture, so a changed resolution breaks no track.

Nothing depends on the order of the faces within a frame: they are taken from left to right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import Final

import msgspec
import numpy as np

from aggregator.assignment import Indices, best_pairs, solve
from aggregator.overlap import buffered_iou
from aggregator.tracks import NS, Floats, Track, TrackTable, Wholes
from schemas.messages import Face

__all__ = ["HIGH_CONFIDENCE", "HISTORY_S", "NS", "Track", "Tracker", "solve"]

BRIDGE_NS: Final = 2 * NS  # an occlusion up to this long does not end a track
HIGH_CONFIDENCE: Final = 0.6
LOW_CONFIDENCE: Final = 0.1
ANCHOR_TIME_S: Final = 5.0
HISTORY_S: Final = 10
MAX_TRACKS: Final = 512
_MIN_OVERLAP: Final = 0.05
_POSITION_GAIN: Final = 0.8
_VELOCITY_GAIN: Final = 0.2
_SIZE_GAIN: Final = 0.5
_MAX_SPEED: Final = 2.0  # face sizes a second
_SHORTEST_S: Final = 0.02  # faster frames say nothing about speed
_LONGEST_COAST_S: Final = 1.0  # a lost face is not believed to move on for longer
_FARTHEST: Final = 4.0  # pictures
_SMALLEST: Final = 1e-4


class Tracker(msgspec.Struct):
    """The tracks of one camera; feed frames in order of time."""

    next_id: int = 1
    table: TrackTable = msgspec.field(default_factory=TrackTable)
    version_1: list[Track] = msgspec.field(name="tracks", default_factory=list)

    def __post_init__(self) -> None:
        """Take over the tracks of an old snapshot."""
        if self.version_1:
            self.table, self.version_1 = TrackTable.of(self.version_1), []

    @property
    def tracks(self) -> list[Track]:
        """The living tracks; their histories may be written."""
        return self.table.views()

    def update(self, at_ns: int, faces: Sequence[Face], width: int, height: int) -> list[int]:
        """The track id of each face; 0 for a face that belongs to none.

        Args:
            at_ns: capture time of the frame.
            faces: their boxes in pixels of a picture of `width` x `height`.
            width: [px]
            height: [px]
        """
        self.expire(at_ns)
        if not faces:
            return []
        boxes = _centred(faces, width, height)
        confidence = np.array([face.confidence for face in faces])
        usable = _in_order(boxes, confidence)
        sure = confidence.take(usable) >= HIGH_CONFIDENCE
        high = usable if sure.all() else usable[sure]
        low = usable[:0] if sure.all() else usable[~sure & (confidence[usable] >= LOW_CONFIDENCE)]
        ids = np.zeros(len(faces), np.int64)
        staged = np.concatenate([high, low])
        found = self._continue(boxes.take(staged, axis=1), high.size, at_ns)
        ids[staged] = found
        new = high[found[: high.size] == 0][: MAX_TRACKS - len(self.table)]
        if new.size:
            ids[np.sort(new)] = np.arange(self.next_id, self.next_id + new.size)
            self.next_id += int(new.size)
            self.table.add(ids[new], at_ns, boxes[:, new])
        numbers: list[int] = ids.tolist()
        return numbers

    def expire(self, at_ns: int) -> None:
        """Forget the tracks that were not seen for longer than an occlusion may last."""
        alive = at_ns - self.table.wholes[1] <= BRIDGE_NS
        if not alive.all():
            self.table.keep(alive)

    def _continue(self, seen: Floats, n_high: int, at_ns: int) -> Wholes:
        """Continue the tracks by faces.

        Args:
            seen: (4, M) boxes, the confident ones first.
            n_high: how many of them are confident.
            at_ns: when they were seen.

        Returns:
            (M,) the id of the track to which each belongs, 0 for none.
        """
        ids = np.zeros(seen.shape[1], np.int64)
        if not len(self.table):
            return ids
        wholes, lengths = self.table.wholes, self.table.lengths
        coast_s, buffer, pull, share = _terms(at_ns, wholes[1].tolist())
        expected = lengths[:2] + lengths[4:6] * coast_s
        overlap = buffered_iou(expected, lengths[2:4], seen[:2], seen[2:], buffer)
        rows, faces = _two_stages(overlap, n_high)
        lengths[:8, rows] = _corrected(
            lengths[2:8].take(rows, axis=1),
            expected.take(rows, axis=1),
            seen.take(faces, axis=1),
            pull.take(rows),
            share.take(rows),
        )
        wholes[1, rows] = at_ns
        ids[faces] = wholes[0].take(rows)
        return ids


def _terms(at_ns: int, seen_ns: list[int]) -> Floats:
    """(4, N) what follows from how long ago each track was seen; few values differ.

    In order: how long the face is believed to have moved on [s], the buffer, what the filter's
    speed takes of the error [1/s], what the anchor takes. Python's exp, not numpy's, whose last
    bit depends on the processor.
    """
    gaps = list(dict.fromkeys(seen_ns))
    number = {seen: i for i, seen in enumerate(gaps)}
    terms = []
    for seen in gaps:
        gap_s = (at_ns - seen) / NS
        pull = _VELOCITY_GAIN / gap_s if gap_s > _SHORTEST_S else 0.0
        share = 1.0 - math.exp(-max(gap_s, 0.0) / ANCHOR_TIME_S)
        terms.append((min(gap_s, _LONGEST_COAST_S), min(1.0, 0.3 + 0.5 * gap_s), pull, share))
    found: Floats = np.array(terms).T.take([number[seen] for seen in seen_ns], axis=1)
    return found


def _two_stages(overlap: Floats, n_high: int) -> tuple[Indices, Indices]:
    """Pairs of track and face: the first `n_high` faces choose first, the others what is left."""
    rows, faces = best_pairs(overlap[:, :n_high], _MIN_OVERLAP)
    if n_high == overlap.shape[1]:
        return rows, faces
    free = np.ones(len(overlap), np.bool_)
    free[rows] = False
    left = free.nonzero()[0]
    more, doubtful = best_pairs(overlap[left, n_high:], _MIN_OVERLAP)
    return np.concatenate([rows, left[more]]), np.concatenate([faces, doubtful + n_high])


def _corrected(old: Floats, expected: Floats, seen: Floats, pull: Floats, share: Floats) -> Floats:
    """The constant-velocity filter (alpha-beta), the size's and the anchor's means, corrected.

    Args:
        old: (6, K) size, speed, anchor.
        expected: (2, K) where the faces should be.
        seen: (4, K) boxes that were found.
        pull: (K,) what the speed takes of the error [1/s].
        share: (K,) what the anchor takes.

    Returns:
        (8, K) centre, size, speed, anchor.
    """
    off = seen[:2] - expected
    size = old[:2] + _SIZE_GAIN * (seen[2:] - old[:2])
    fastest = _MAX_SPEED * size
    speed = np.minimum(np.maximum(old[2:4] + off * pull, -fastest), fastest)
    anchor = old[4:] + share * (seen[:2] - old[4:])
    return np.concatenate([expected + _POSITION_GAIN * off, size, speed, anchor])


def _centred(faces: Sequence[Face], width: int, height: int) -> Floats:
    """(4, M) centre x, centre y, width, height as fractions of the picture."""
    values = chain.from_iterable([face.box_xyxy for face in faces])
    corners = np.fromiter(values, float, 4 * len(faces)).reshape(-1, 4).T
    boxes = np.empty((4, len(faces)))
    with np.errstate(all="ignore"):  # nonsense is left out later
        np.add(corners[:2], corners[2:], out=boxes[:2])
        np.subtract(corners[2:], corners[:2], out=boxes[2:])
        boxes *= np.array([[0.5 / width], [0.5 / height], [1 / width], [1 / height]])
    return boxes


def _in_order(boxes: Floats, confidence: Floats) -> Indices:
    """The faces whose numbers are those of a real box near the picture, from left to right."""
    order: Indices = boxes[0].argsort()
    if len(set(boxes[0].tolist())) < len(order):
        order = np.lexsort((confidence, *boxes[::-1]))
    if np.abs(boxes).max() < _FARTHEST and boxes[2:].min() > _SMALLEST:
        return order
    real = (np.abs(boxes) < _FARTHEST).all(axis=0) & (boxes[2:] > _SMALLEST).all(axis=0)
    return order[real[order]]
