"""What one camera saw of its places in one second, as columns of numbers: one pass for all of them.

A *view* is one camera's faces of one student in one second; a *sample* is one of these faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from typing import Final

import numpy as np

from aggregator.score import MIN_FUSED_QUALITY, Bools, Floats, Ints, quality, wrap_deg
from schemas.messages import Face
from schemas.room_plan import Direction

MAX_EAR: Final = 2.0
_NO_EYES: Final = (np.nan, np.nan)
_numbers_of: Final = attrgetter("yaw_deg", "pitch_deg", "eye_openness", "confidence", "box_xyxy")
_UNKNOWN: Final = (np.nan, np.nan, np.nan)


@dataclass(frozen=True, slots=True)
class Views:
    """Views of one camera, or of several joined; S samples, each view's together; V views.

    Attributes:
        at_ns: (S,) capture times, rising within a view.
        pose: (S, 2) yaw and pitch as the camera sees them [deg].
        ear: (S,) mean eye aspect ratio of both eyes; NaN: not measured.
        height_px: (S,) of the face boxes, in the camera's frame.
        confidence: (S,) the detector's.
        view: (S,) the view that each sample belongs to.
        counts: (V,) samples of each view, at least one.
        quality: (V,) mean of the samples'.
        pose_med: (V, 2) medians of yaw and pitch [deg].
        px_med: (V,) median face height.
        good_med: (V, 2) as `pose_med`, of samples with quality >= .3 only; NaN: there are none.
        front: (V, 3) yaw, pitch and factor of the calibration; NaN: none.
        bit: (V,) the camera's bit in `cam_mask`.
        clock_off: (V,) times may not be compared with another camera's.
    """

    at_ns: Ints
    pose: Floats
    ear: Floats
    height_px: Floats
    confidence: Floats
    view: Ints
    counts: Ints
    quality: Floats
    pose_med: Floats
    px_med: Floats
    good_med: Floats
    front: Floats
    bit: Ints
    clock_off: Bools

    @property
    def calibrated(self) -> Bools:
        """(V,) whether it is known where the front is."""
        known: Bools = ~np.isnan(self.front[:, 0])
        return known

    def taken(self, index: Ints) -> Views:
        """Only these views, in this order."""
        if np.array_equal(index, np.arange(len(self.counts))):
            return self
        counts = self.counts[index]
        samples = _ranges(np.cumsum(self.counts)[index] - counts, counts)
        columns = {name: getattr(self, name)[samples] for name in _OF_SAMPLES}
        columns |= {name: getattr(self, name)[index] for name in _OF_VIEWS}
        return Views(view=np.repeat(np.arange(len(counts)), counts), **columns)


_OF_SAMPLES: Final = ("at_ns", "pose", "ear", "height_px", "confidence")
_OF_VIEWS: Final = (
    "counts",
    "quality",
    "pose_med",
    "px_med",
    "good_med",
    "front",
    "bit",
    "clock_off",
)


def views_of_faces(
    faces: Sequence[Face],
    at_ns: Ints,
    place: Ints,
    fronts: Sequence[Direction | None],
    *,
    bit: int,
    clock_off: bool,
) -> tuple[Views, list[int]]:
    """The views of one camera's places, and the index of each place's view; -1: no posed face.

    Args:
        faces: F faces, each place's together, in order.
        at_ns: (F,) capture times, rising in each place.
        place: (F,) index of each face's place.
        fronts: the calibration of every place.
        bit: of the camera in `cam_mask`.
        clock_off: see `Views`.
    """
    pose, ear, height_px, confidence = _columns(faces)
    posed = np.isfinite(pose).all(axis=1)
    if not posed.all():
        place, at_ns, pose, ear = place[posed], at_ns[posed], pose[posed], ear[posed]
        height_px, confidence = height_px[posed], confidence[posed]
    counts = np.bincount(place, minlength=len(fronts))
    seen = np.flatnonzero(counts)
    views = views_of_samples(
        at_ns,
        wrap_deg(pose),
        ear,
        height_px,
        confidence,
        counts[seen],
        fronts=[fronts[i] for i in seen.tolist()],
        bits=[bit] * len(seen),
        clocks_off=[clock_off] * len(seen),
    )
    index = np.full(len(fronts), -1)
    index[seen] = np.arange(len(seen))
    indices: list[int] = index.tolist()
    return views, indices


def _columns(faces: Sequence[Face]) -> tuple[Floats, Floats, Floats, Floats]:
    """Pose (F, 2) [deg], EAR, height [px] and confidence of faces; NaN: not measured."""
    if not faces:
        return np.empty((0, 2)), np.empty(0), np.empty(0), np.empty(0)
    yaws, pitches, eyes, confidences, boxes = zip(*map(_numbers_of, faces), strict=True)
    if None in eyes:
        eyes = tuple([both or _NO_EYES for both in eyes])
    ears, box = _rows(eyes, 2), _rows(boxes, 4)
    pose = np.array([yaws, pitches], float).T  # None becomes NaN
    confidence = np.array(confidences, float)
    return pose, (ears[:, 0] + ears[:, 1]) / 2, box[:, 3] - box[:, 1], confidence


def _rows(tuples: Sequence[tuple[float, ...]], width: int) -> Floats:
    """(N, width), in half the time that `np.array` needs."""
    flat = np.fromiter(chain.from_iterable(tuples), float, width * len(tuples))
    return flat.reshape(-1, width)


def views_of_samples(
    at_ns: Ints,
    pose: Floats,
    ear: Floats,
    height_px: Floats,
    confidence: Floats,
    counts: Ints,
    *,
    fronts: Sequence[Direction | None],
    bits: Sequence[int],
    clocks_off: Sequence[bool],
) -> Views:
    """Views out of columns of samples, each view's `counts` samples together; see `Views`."""
    view = np.repeat(np.arange(len(counts)), counts)
    ear = np.where(np.isfinite(ear), np.minimum(np.maximum(ear, 0.0), MAX_EAR), np.nan)
    q = quality(height_px, confidence, pose[:, 0])
    values = np.stack([pose[:, 0], pose[:, 1], height_px])
    middle = medians(values, view, counts)
    good = q >= MIN_FUSED_QUALITY
    good_middle = middle
    if not good.all():
        left = np.bincount(view[good], minlength=len(counts))
        good_middle = medians(values[:, good], view[good], left)
    return Views(
        at_ns=at_ns,
        pose=pose,
        ear=ear,
        height_px=height_px,
        confidence=confidence,
        view=view,
        counts=counts,
        quality=np.bincount(view, q, len(counts)) / np.maximum(counts, 1),
        pose_med=middle[:2].T,
        px_med=middle[2],
        good_med=good_middle[:2].T,
        front=np.array([_numbers(front) for front in fronts], float).reshape(-1, 3),
        bit=np.array(bits, np.int64),
        clock_off=np.array(clocks_off, np.bool_),
    )


def joined(parts: Sequence[Views]) -> Views:
    """Several cameras' views as one, in this order."""
    if len(parts) == 1:
        return parts[0]
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in (*_OF_SAMPLES, *_OF_VIEWS)
    }
    counts = columns["counts"]
    return Views(view=np.repeat(np.arange(len(counts)), counts), **columns)


def medians(values: Floats, group: Ints, counts: Ints) -> Floats:
    """(K, G) medians of K rows of values (K, S) in G groups; NaN where a group is empty.

    Args:
        values: finite numbers.
        group: (S,) the group of each column; each group's columns lie together, in order.
        counts: (G,) how many columns each group has.
    """
    ends = np.cumsum(counts)
    place = np.arange(len(group)) - (ends - counts)[group]
    table = np.full((len(values), len(counts), max(counts.max(initial=0), 1)), np.nan)
    table[:, group, place] = values
    table.sort(axis=2)  # NaN last
    row = np.arange(len(counts))
    middle: Floats = table[:, row, np.maximum(counts - 1, 0) // 2] + table[:, row, counts // 2]
    return middle / 2


def _ranges(starts: Ints, counts: Ints) -> Ints:
    """The numbers of all ranges of `counts` numbers from `starts` on, one after another."""
    before = np.cumsum(counts) - counts
    numbers: Ints = np.arange(counts.sum()) + np.repeat(starts - before, counts)
    return numbers


def _numbers(front: Direction | None) -> tuple[float, float, float]:
    return _UNKNOWN if front is None else (front.yaw_deg, front.pitch_deg, front.factor)
