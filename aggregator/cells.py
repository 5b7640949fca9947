"""One second of all students: the faces that cameras saw of them, made into cells in one pass.

`Gaze` is the little that must be remembered between seconds: when the student last looked to the
front, and how open the eyes were. The room uses it for observations, the demo for simulated truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from aggregator.eyes import NOT_JUDGED, EyeMemory, judge_eyes
from aggregator.fusion import first_largest, fused, kept_by_clock, taking_part
from aggregator.score import (
    EXAM,
    MIN_QUALITY,
    RECENT_S,
    UNKNOWN_ACTIVITY_FACTOR,
    Bools,
    Floats,
    Ints,
    Label,
    Orientation,
    Reason,
    attention,
    eyes_can_be_judged,
    is_scored,
    orientation,
)
from aggregator.views import Views, joined, medians, views_of_samples
from schemas.room_plan import Direction

NS: Final = 1_000_000_000
_NEVER: Final = -1


class FaceSample(msgspec.Struct, frozen=True, kw_only=True):
    """One face of one student in one frame; angles as the camera sees them."""

    at_ns: int
    camera_bit: int
    yaw_deg: float
    pitch_deg: float
    ear: float | None  # mean eye aspect ratio of both eyes
    height_px: float  # of the face box in the camera's frame
    confidence: float
    front: Direction | None  # calibration of this camera and seat
    clock_off: bool = False  # `at_ns` may not be compared with another camera's


class Cell(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one second tells about one student."""

    second: int
    reason: int = int(Reason.NONE)  # NONE: observed and scored
    x: float = 0.0  # 0..100, meaningful when observed
    quality: float = 0.0
    confidence: float = 0.0  # quality x calibration factor x activity factor
    label: int = int(Label.AWAY)
    eye: int = NOT_JUDGED  # 0 open, 1 closed
    cam_mask: int = 0
    yaw_deg: float | None = None  # of the best camera, as it sees it
    pitch_deg: float | None = None
    dy_deg: float | None = None  # relative to the front
    dp_deg: float | None = None
    face_px: float | None = None  # median face height of the best camera
    exam: bool = False  # then only this is told, for the coverage of the class:
    seen_in_exam: bool = False

    @property
    def observed(self) -> bool:
        """Whether the cell has a score."""
        return self.reason == Reason.NONE


class Gaze(msgspec.Struct, omit_defaults=True):
    """A student's memory between seconds; part of the room's snapshot."""

    front_ns: int = _NEVER  # last look to the front
    eyes: EyeMemory = msgspec.field(default_factory=EyeMemory)
    # What version 1 of the snapshot had for `eyes`.
    eye_second: int = 0
    ears: list[int] = []
    closed: list[int] = []

    def __post_init__(self) -> None:
        """Take over the eyes of an old snapshot."""
        if self.ears:
            self.eyes = EyeMemory.of_lists(self.eye_second, self.ears, self.closed)
            self.eye_second, self.ears, self.closed = 0, [], []

    def cell(self, second: int, samples: Sequence[FaceSample], activity: str) -> Cell:
        """The cell of one student alone; see `cells_of_second`.

        Args:
            second: Unix time, whole seconds.
            samples: every posed face of this student in this second, sorted by time and camera.
            activity: what the class does (SCORE §1).
        """
        if not samples:
            return Cell(second=second, reason=int(Reason.LOW_QUALITY))
        views = _views_of_one(samples)
        whose = np.zeros(len(views.counts), np.int64)
        return cells_of_second(second, [self], views, whose, activity)[0]


def cells_of_second(
    second: int, gazes: Sequence[Gaze], views: Views, student: Ints, activity: str
) -> list[Cell]:
    """The cell of every student; feed seconds in order.

    Args:
        second: Unix time, whole seconds.
        gazes: memories of N students, who all have a view.
        views: what cameras saw of them, each student's views together, by rising camera bit.
        student: (V,) index of the student in each view.
        activity: what the class does (SCORE §1).
    """
    if views.clock_off.any():
        kept = kept_by_clock(student, views.quality, views.clock_off, views.calibrated)
        views, student = views.taken(kept), student[kept]
    best = first_largest(views.quality, student, len(gazes))
    if activity == EXAM:
        seen = (views.quality[best] >= MIN_QUALITY).tolist()
        reason = int(Reason.NOT_SCORED_ACTIVITY)
        return [Cell(second=second, reason=reason, exam=True, seen_in_exam=each) for each in seen]
    columns = _Columns(second, views, best, _masks(views.bit, student, len(gazes)))
    columns.reason = _reasons(views, student, best, activity)
    scored = columns.reason == Reason.NONE
    if scored.any():
        _score(columns, gazes, views, student, scored, activity)
    return columns.cells()


def unseen_cell(second: int, reason: Reason, activity: str) -> Cell:
    """The cell of a student in whom no camera saw a face with a pose."""
    return Cell(second=second, reason=int(reason), exam=activity == EXAM)


class _Columns:
    """Cells of N students, column by column."""

    def __init__(self, second: int, views: Views, best: Ints, mask: Ints) -> None:
        n = len(best)
        self.second = second
        self.reason: Ints = np.zeros(n, np.int64)
        self.x: Floats = np.zeros(n)
        self.quality = views.quality[best]
        self.confidence: Floats = np.zeros(n)
        self.label: Ints = np.full(n, int(Label.AWAY))
        self.eye: Ints = np.full(n, NOT_JUDGED)
        self.mask = mask
        self.pose = views.pose_med[best]
        self.delta: Floats = np.zeros((n, 2))
        self.px = views.px_med[best]

    def cells(self) -> list[Cell]:
        """One by one."""
        columns = (self.reason, self.x, self.quality, self.confidence, self.label, self.eye)
        rest = (self.mask, self.pose[:, 0], self.pose[:, 1], self.delta[:, 0], self.delta[:, 1])
        lists = [column.tolist() for column in (*columns, *rest, self.px)]
        return [self._cell(*values) for values in zip(*lists, strict=True)]

    def _cell(
        self,
        reason: int,
        x: float,
        quality: float,
        confidence: float,
        label: int,
        eye: int,
        mask: int,
        yaw: float,
        pitch: float,
        dy: float,
        dp: float,
        px: float,
    ) -> Cell:
        observed = reason == 0
        return Cell(
            second=self.second,
            reason=reason,
            x=x,
            quality=quality,
            confidence=confidence,
            label=label,
            eye=eye,
            cam_mask=mask,
            yaw_deg=yaw,
            pitch_deg=pitch,
            dy_deg=dy if observed else None,
            dp_deg=dp if observed else None,
            face_px=px,
        )


def _reasons(views: Views, student: Ints, best: Ints, activity: str) -> Ints:
    """(N,) why each student has no score."""
    if not is_scored(activity):
        return np.full(len(best), int(Reason.NOT_SCORED_ACTIVITY))
    # A camera may see a student well and not know where the front is.
    rated = np.where(views.calibrated, views.quality, -1.0)
    rated_best = rated[first_largest(rated, student, len(best))]
    low = (views.quality[best] < MIN_QUALITY) | ((rated_best >= 0.0) & (rated_best < MIN_QUALITY))
    reason = np.where(rated_best < 0.0, int(Reason.NO_CALIBRATION), int(Reason.NONE))
    return np.where(low, int(Reason.LOW_QUALITY), reason)


def _score(
    columns: _Columns,
    gazes: Sequence[Gaze],
    views: Views,
    student: Ints,
    scored: Bools,
    activity: str,
) -> None:
    """Fill the columns of those who are scored."""
    n = len(gazes)
    rated = views.calibrated & scored[student]
    used = taking_part(views.quality, rated, student, n)
    front = views.front[views.view]
    seen = orientation(views.pose[:, 0], views.pose[:, 1], _Fronts(front[:, 0], front[:, 1]))
    credit, label = _looks(gazes, views, student, used, seen, activity)
    _enter_eyes(columns, gazes, views, student, rated, seen)
    of_sample = used[views.view]
    mean_credit = np.bincount(views.view, np.where(of_sample, credit, 0.0)) / views.counts
    o = fused(np.where(used, views.quality, 0.0), mean_credit, student, n)
    columns.x *= 100.0 * o
    best = first_largest(np.where(used, views.quality, -1.0), student, n)
    known = 1.0 if activity != "unknown" else UNKNOWN_ACTIVITY_FACTOR
    columns.quality = np.where(scored, views.quality[best], columns.quality)
    columns.confidence = np.where(scored, views.quality[best] * views.front[best, 2] * known, 0.0)
    heaviest = _heaviest(
        label, np.where(of_sample, views.quality[views.view], 0.0), student[views.view], n
    )
    columns.label = np.where(scored, heaviest, columns.label)
    columns.mask = np.where(scored, _masks(views.bit[used], student[used], n), columns.mask)
    columns.delta = medians(np.stack([seen.dy_deg, seen.dp_deg]), views.view, views.counts)[
        :, best
    ].T


class _Fronts(msgspec.Struct, frozen=True):
    """Directions of the front, one for each sample; NaN: none."""

    yaw_deg: Floats
    pitch_deg: Floats


def _looks(
    gazes: Sequence[Gaze],
    views: Views,
    student: Ints,
    used: Bools,
    seen: Orientation,
    activity: str,
) -> tuple[Floats, Ints]:
    """(S,) credit and label of every sample; the memory is updated in order of time."""
    who = student[views.view]
    order = np.lexsort((views.view, views.at_ns, who))
    order = order[used[views.view[order]]]
    at_ns, who = views.at_ns[order], who[order]
    before = np.array([gaze.front_ns for gaze in gazes], np.int64)
    # Index of the newest look to the front so far, of this student or of one before.
    newest = np.maximum.accumulate(np.where(seen.o_front[order] >= 0.5, np.arange(len(order)), -1))
    own = (newest >= 0) & (who[newest] == who)
    front_ns = np.where(own, at_ns[newest], before[who])
    recent = np.zeros(len(views.view), np.bool_)
    recent[order] = (front_ns >= 0) & (at_ns - front_ns <= RECENT_S * NS)
    last = np.flatnonzero(np.diff(who, append=-1))
    for i, newest_ns in zip(who[last].tolist(), front_ns[last].tolist(), strict=True):
        gazes[i].front_ns = newest_ns
    return attention(activity, seen, recent=recent)


def _enter_eyes(
    columns: _Columns,
    gazes: Sequence[Gaze],
    views: Views,
    student: Ints,
    rated: Bools,
    seen: Orientation,
) -> None:
    """Judge the eyes of those who are scored; `x` becomes their factor E."""
    n = len(gazes)
    can = eyes_can_be_judged(views.height_px, views.pose[:, 0], seen.dp_deg, views.confidence)
    valid = can & rated[views.view] & ~np.isnan(views.ear)
    weight = np.where(valid, views.quality[views.view], 0.0)
    ears = fused(weight, np.where(valid, views.ear, 0.0), student[views.view], n)
    judged = np.bincount(student[views.view], valid, n) > 0
    who = np.flatnonzero(columns.reason == Reason.NONE)
    eye, factor = judge_eyes(
        columns.second, [gazes[i].eyes for i in who.tolist()], ears[who], judged[who]
    )
    columns.eye[who] = eye
    columns.x[who] = factor


def _heaviest(label: Ints, weight: Floats, student: Ints, n: int) -> Ints:
    """(N,) the label that most of the weighted samples carry; ties by the labels' order."""
    weights = np.bincount(student * len(Label) + label, weight, n * len(Label))
    heaviest: Ints = weights.reshape(n, len(Label)).argmax(axis=1)
    return heaviest


def _masks(bits: Ints, student: Ints, n: int) -> Ints:
    """(N,) the cameras of each student."""
    mask = np.zeros(n, np.int64)
    np.bitwise_or.at(mask, student, 1 << bits)
    return mask


def _views_of_one(samples: Sequence[FaceSample]) -> Views:
    """Samples of one student, by camera."""
    by_bit: dict[int, list[FaceSample]] = {}
    for sample in samples:
        by_bit.setdefault(sample.camera_bit, []).append(sample)
    parts = [
        views_of_samples(
            np.array([s.at_ns for s in group], np.int64),
            np.array([(s.yaw_deg, s.pitch_deg) for s in group], float),
            np.array([s.ear for s in group], float),
            np.array([s.height_px for s in group], float),
            np.array([s.confidence for s in group], float),
            np.array([len(group)]),
            fronts=[group[0].front],
            bits=[bit],
            clocks_off=[group[0].clock_off],
        )
        for bit, group in sorted(by_bit.items())
    ]
    return joined(parts)
