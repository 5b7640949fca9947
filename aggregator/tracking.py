"""Faces of one camera, followed from frame to frame.

Positions are fractions of the picture, so a changed resolution breaks no track. Nothing depends on
the order of the faces within a frame: they are taken from left to right. How faces and tracks are
paired is told in `association`, how tracks move in `motion`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from aggregator.assignment import Indices, solve
from aggregator.association import Expected, associate
from aggregator.motion import corrected, gap_terms
from aggregator.tracks import NS, Floats, Track, TrackTable, Wholes
from schemas.messages import Face

__all__ = ["HIGH_CONFIDENCE", "NS", "Track", "Tracker", "solve"]

BRIDGE_NS: Final = 2 * NS  # an occlusion up to this long does not end a track
HIGH_CONFIDENCE: Final = 0.6
LOW_CONFIDENCE: Final = 0.1
MAX_TRACKS: Final = 512
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
        if not len(self.table) or not len(ids):
            return ids
        wholes, lengths = self.table.wholes, self.table.lengths
        coast_s, buffer, rate, share = gap_terms(at_ns, wholes[1].tolist())
        xy = lengths[:2] + lengths[4:6] * coast_s
        tracks = Expected(xy, lengths[2:4], buffer, (at_ns - wholes[1]) / NS, wholes[3] == 1)
        rows, faces = associate(tracks, seen, n_high)
        wholes[1, rows] = at_ns
        wholes[3, rows] += 1
        lengths[:8, rows] = corrected(
            lengths[2:8].take(rows, axis=1),
            xy.take(rows, axis=1),
            seen.take(faces, axis=1),
            rate.take(rows),
            share.take(rows),
            wholes[3].take(rows),
        )
        ids[faces] = wholes[0].take(rows)
        return ids


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
    real: NDArray[np.bool_] = np.logical_and(
        (np.abs(boxes) < _FARTHEST).all(axis=0), (boxes[2:] > _SMALLEST).all(axis=0)
    )
    return order[real[order]]
