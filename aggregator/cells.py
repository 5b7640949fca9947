"""One second of one student: the faces that cameras saw of them, made into one cell.

`Gaze` is the little that must be remembered between seconds: when the student last looked to the
front, and how open the eyes were. The room uses it for observations, the demo for simulated truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median
from typing import Final

import msgspec

from aggregator.fusion import by_one_clock, usable_views, weighted_mean
from aggregator.score import (
    MIN_QUALITY,
    RECENT_S,
    UNKNOWN_ACTIVITY_FACTOR,
    Label,
    Orientation,
    Reason,
    attention,
    closed_threshold,
    eye_factor,
    eyes_can_be_judged,
    is_scored,
    orientation,
    quality,
)
from schemas.messages import Direction

NS: Final = 1_000_000_000
OPEN_LEVEL_S: Final = 300
EYE_S: Final = 60
_NOTHING: Final = -1


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


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """What one second tells about one student."""

    second: int
    reason: int = int(Reason.NONE)  # NONE: observed and scored
    x: float = 0.0  # 0..100, meaningful when observed
    quality: float = 0.0
    confidence: float = 0.0  # quality x calibration factor x activity factor
    label: int = int(Label.AWAY)
    eye: int = _NOTHING  # -1 not judged, 0 open, 1 closed
    cam_mask: int = 0
    yaw_deg: float | None = None  # of the best camera, as it sees it
    pitch_deg: float | None = None
    dy_deg: float | None = None  # relative to the front
    dp_deg: float | None = None
    face_px: float | None = None  # median face height of the best camera

    @property
    def observed(self) -> bool:
        """Whether the cell has a score."""
        return self.reason == Reason.NONE


class _View(msgspec.Struct):
    """One camera's mean over its frames of the second."""

    camera_bit: int
    quality: float
    yaw_deg: float
    pitch_deg: float
    samples: list[FaceSample]

    @property
    def clock_off(self) -> bool:
        """Whether the camera's clock is off."""
        return self.samples[0].clock_off

    @property
    def calibrated(self) -> bool:
        """Whether it is known where the front is."""
        return self.samples[0].front is not None

    @property
    def usable(self) -> bool:
        """Whether it can be scored."""
        return self.calibrated and self.quality >= MIN_QUALITY


class _Look(msgspec.Struct):
    """A calibrated frame: where the head pointed and what that is worth."""

    weight: float
    credit: float
    label: Label
    seen: Orientation


class Gaze(msgspec.Struct):
    """A student's memory between seconds; part of the room's snapshot."""

    front_ns: int = _NOTHING  # last look to the front
    eye_second: int = 0  # second of the newest entry of `ears`
    ears: list[int] = []  # 1/1000, one per second, -1: not judged; newest last, at most 300
    closed: list[int] = []  # 1, 0 or -1 per second; newest last, at most 60

    def cell(self, second: int, samples: Sequence[FaceSample], activity: str) -> Cell:
        """The cell of `second`; feed seconds in order, samples sorted by time and camera.

        Args:
            second: Unix time, whole seconds.
            samples: every posed face of this student in this second, of all cameras.
            activity: what the class does (SCORE §1).
        """
        views = by_one_clock(_views(samples))
        if not views:
            return Cell(second=second, reason=int(Reason.LOW_QUALITY))
        best = max(views, key=lambda view: view.quality)
        base = Cell(
            second=second,
            quality=best.quality,
            cam_mask=_mask(views),
            yaw_deg=best.yaw_deg,
            pitch_deg=best.pitch_deg,
            face_px=median(sample.height_px for sample in best.samples),
        )
        if not is_scored(activity):
            return msgspec.structs.replace(base, reason=int(Reason.NOT_SCORED_ACTIVITY))
        if best.quality < MIN_QUALITY:
            return msgspec.structs.replace(base, reason=int(Reason.LOW_QUALITY))
        calibrated = [view for view in views if view.calibrated]
        if not calibrated:
            return msgspec.structs.replace(base, reason=int(Reason.NO_CALIBRATION))
        return self._scored(base, calibrated, activity)

    def _scored(self, base: Cell, calibrated: list[_View], activity: str) -> Cell:
        used = usable_views(calibrated)
        if used[0].quality < MIN_QUALITY:  # only the uncalibrated camera saw it well
            return msgspec.structs.replace(base, reason=int(Reason.LOW_QUALITY))
        looks = self._looks(used, activity)
        eye = self._eye(base.second, calibrated)
        o = weighted_mean(
            [(view.quality, fmean(look.credit for look in looks[i])) for i, view in enumerate(used)]
        )
        best = max(range(len(used)), key=lambda i: used[i].quality)
        front = used[best].samples[0].front
        known = 1.0 if activity != "unknown" else UNKNOWN_ACTIVITY_FACTOR
        return msgspec.structs.replace(
            base,
            x=100.0 * o * self._eye_factor(),
            quality=used[best].quality,
            confidence=used[best].quality * (front.factor if front else 1.0) * known,
            label=int(_heaviest([look for group in looks for look in group])),
            eye=eye,
            cam_mask=_mask(used),
            dy_deg=median(look.seen.dy_deg for look in looks[best]),
            dp_deg=median(look.seen.dp_deg for look in looks[best]),
        )

    def _looks(self, used: list[_View], activity: str) -> list[list[_Look]]:
        """Per camera, each frame's credit; the memory is updated in order of time."""
        order = sorted(
            ((i, sample) for i, view in enumerate(used) for sample in view.samples),
            key=lambda pair: (pair[1].at_ns, pair[0]),
        )
        looks: list[list[_Look]] = [[] for _ in used]
        for i, sample in order:
            if sample.front is None:
                continue
            seen = orientation(sample.yaw_deg, sample.pitch_deg, sample.front)
            if seen.o_front >= 0.5:
                self.front_ns = sample.at_ns
            recent = self.front_ns >= 0 and sample.at_ns - self.front_ns <= RECENT_S * NS
            credit, label = attention(activity, seen, recent=recent)
            looks[i].append(_Look(used[i].quality, credit, label, seen))
        return looks

    def _eye(self, second: int, views: list[_View]) -> int:
        """Enter this second's eyes into the memory: 1 closed, 0 open, -1 cannot be judged."""
        ears = [
            (view.quality, sample.ear)
            for view in views
            for sample in view.samples
            if sample.ear is not None and _eyes_valid(sample)
        ]
        self._skip_to(second)
        if not ears:
            self._remember(_NOTHING, _NOTHING)
            return _NOTHING
        milli = round(1000.0 * weighted_mean(ears))
        known = [ear / 1000.0 for ear in [*self.ears, milli] if ear != _NOTHING]
        closed = int(milli / 1000.0 < closed_threshold(known))
        self._remember(milli, closed)
        return closed

    def _skip_to(self, second: int) -> None:
        """Fill the seconds since the last entry with "not judged"."""
        for _ in range(min(second - self.eye_second - 1, OPEN_LEVEL_S) if self.ears else 0):
            self._remember(_NOTHING, _NOTHING)
        self.eye_second = second

    def _remember(self, ear_milli: int, closed: int) -> None:
        self.ears = [*self.ears[1 - OPEN_LEVEL_S :], ear_milli]
        self.closed = [*self.closed[1 - EYE_S :], closed]

    def _eye_factor(self) -> float:
        valid = [closed for closed in self.closed if closed != _NOTHING]
        return eye_factor(sum(valid), len(valid))


def _eyes_valid(sample: FaceSample) -> bool:
    if sample.front is None:
        return False
    dp = orientation(sample.yaw_deg, sample.pitch_deg, sample.front).dp_deg
    return eyes_can_be_judged(sample.height_px, sample.yaw_deg, dp, sample.confidence)


def _views(samples: Sequence[FaceSample]) -> list[_View]:
    by_camera: dict[int, list[FaceSample]] = {}
    for sample in samples:
        by_camera.setdefault(sample.camera_bit, []).append(sample)
    return [
        _View(
            camera_bit=bit,
            quality=fmean(quality(s.height_px, s.confidence, s.yaw_deg) for s in group),
            yaw_deg=median(s.yaw_deg for s in group),
            pitch_deg=median(s.pitch_deg for s in group),
            samples=group,
        )
        for bit, group in sorted(by_camera.items())
    ]


def _mask(views: Sequence[_View]) -> int:
    mask = 0
    for view in views:
        mask |= 1 << view.camera_bit
    return mask


def _heaviest(looks: Sequence[_Look]) -> Label:
    """The label that most of the (quality-weighted) frames carry; ties by the labels' order."""
    weights = dict.fromkeys(Label, 0.0)
    for look in looks:
        weights[look.label] += look.weight
    return max(Label, key=lambda label: weights[label])
