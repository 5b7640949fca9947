"""Sums over cells: 10 s windows, minutes, lessons; and the slow state that people are shown.

Rollups are sums of sums, never means of means (SCORE §1). Nothing is rounded here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntEnum
from itertools import pairwise
from statistics import median
from typing import Final

import msgspec

from aggregator.cells import Cell
from aggregator.score import Label, Reason, clamp

MIN_LESSON_COVERAGE: Final = 0.4
MIN_LESSON_OBSERVED_S: Final = 300
DIRECTION_BINS: Final = (12, 6)  # dy in 10 deg steps from -60, dp in 15 deg steps from -60
_HALF_LIFE_S: Final = 30.0
_SCORED: Final = int(Reason.NONE)


def minimum_observed(expected_s: int) -> int:
    """Seconds that must be observed before a window or minute has a score."""
    return max(3, math.ceil(0.5 * expected_s))


def minimum_scored(present: int) -> int:
    """Students with a score that a class figure needs."""
    return max(5, math.ceil(0.5 * present))


class Sums(msgspec.Struct):
    """Sums over some student-seconds; `n_exp` counts seconds of presence."""

    n_exp: int = 0
    n_obs: int = 0
    sum_x: float = 0.0
    sum_confidence: float = 0.0
    exam_s: int = 0  # seconds of an exam: nothing is told of the student,
    exam_seen_s: int = 0  # only these count for the coverage of the class

    def add(self, cell: Cell) -> None:
        """Count one second of presence."""
        self.n_exp += 1
        if cell.reason == _SCORED:
            self.n_obs += 1
            self.sum_x += cell.x
            self.sum_confidence += cell.confidence
        elif cell.exam:
            self.exam_s += 1
            self.exam_seen_s += cell.seen_in_exam

    def plus(self, other: Sums) -> Sums:
        """Sums over both."""
        return Sums(
            n_exp=self.n_exp + other.n_exp,
            n_obs=self.n_obs + other.n_obs,
            sum_x=self.sum_x + other.sum_x,
            sum_confidence=self.sum_confidence + other.sum_confidence,
            exam_s=self.exam_s + other.exam_s,
            exam_seen_s=self.exam_seen_s + other.exam_seen_s,
        )

    @property
    def coverage(self) -> float:
        """Observed share of the seconds of presence, 0..1."""
        return self.n_obs / self.n_exp if self.n_exp else 0.0

    @property
    def mean(self) -> float | None:
        """Mean x of the observed cells, however few."""
        return self.sum_x / self.n_obs if self.n_obs else None

    @property
    def score(self) -> float | None:
        """S, 0..100, or None when too little was observed."""
        return self.mean if self.n_obs >= minimum_observed(self.n_exp) else None

    @property
    def lesson_score(self) -> float | None:
        """S of a lesson, which needs coverage >= .4 and 300 observed seconds."""
        enough = self.coverage >= MIN_LESSON_COVERAGE and self.n_obs >= MIN_LESSON_OBSERVED_S
        return self.mean if enough else None

    @property
    def bounds(self) -> tuple[float, float]:
        """S if every unobserved second had been 0, and if it had been 100."""
        low = self.coverage * (self.mean or 0.0)
        return low, clamp(low + 100.0 * (1.0 - self.coverage), 0.0, 100.0)

    @property
    def confidence(self) -> float:
        """Coverage x mean of quality and calibration factor over the observed cells, 0..1."""
        return self.coverage * self.sum_confidence / self.n_obs if self.n_obs else 0.0


class WindowSums(Sums):
    """One window of one student, with what makes the score recomputable (SCORE §4, T0)."""

    labels: list[int] = msgspec.field(default_factory=lambda: [0] * len(Label))
    eye_valid: int = 0
    eye_closed: int = 0
    cam_mask: int = 0
    missing: dict[int, int] = {}  # second -> reason
    yaws: list[float] = []
    pitches: list[float] = []
    faces_px: list[float] = []

    def add(self, cell: Cell) -> None:
        """Count one second of presence."""
        Sums.add(self, cell)
        yaw, pitch, px = cell.yaw_deg, cell.pitch_deg, cell.face_px
        if yaw is not None and pitch is not None and px is not None:
            self.cam_mask |= cell.cam_mask
            self.yaws.append(yaw)
            self.pitches.append(pitch)
            self.faces_px.append(px)
        if cell.reason != _SCORED:
            self.missing[cell.second] = cell.reason
            return
        self.labels[cell.label] += 1
        if cell.eye >= 0:
            self.eye_valid += 1
            self.eye_closed += cell.eye

    def mark_late(self, second: int) -> None:
        """The frames of this second did come, but behind the watermark."""
        if self.missing.get(second) == Reason.NOT_ANALYSED:
            self.missing[second] = int(Reason.LATE_DATA)

    @property
    def no_face_s(self) -> int:
        """Seconds of presence in which the cameras looked and found no face."""
        return sum(reason == Reason.FACE_NOT_FOUND for reason in self.missing.values())

    @property
    def missing_reason(self) -> Reason:
        """Why seconds are missing: the commonest reason, ties by the smaller code."""
        if not self.missing:  # present for too short a part of the window to be scored
            return Reason.NONE if self.score is not None else Reason.OUT_OF_SEAT
        reasons = list(self.missing.values())
        return Reason(min(set(reasons), key=lambda reason: (-reasons.count(reason), reason)))

    @property
    def motion_deg(self) -> float | None:
        """Median turn of the head from one cell to the next."""
        poses = list(zip(self.yaws, self.pitches, strict=True))
        turns = [math.hypot(y1 - y0, p1 - p0) for (y0, p0), (y1, p1) in pairwise(poses)]
        return median(turns) if turns else None


class MinuteSums(Sums):
    """One minute of one student, with the directions for a later formula (SCORE §4, T1)."""

    directions: dict[int, int] = {}  # bin -> seconds

    def add(self, cell: Cell) -> None:
        """Count one second of presence."""
        Sums.add(self, cell)
        dy, dp = cell.dy_deg, cell.dp_deg
        if dy is not None and dp is not None:
            index = direction_bin(dy, dp)
            self.directions[index] = self.directions.get(index, 0) + 1

    @property
    def direction_hist(self) -> bytes:
        """72 counts: 12 bins of dy, in each 6 of dp."""
        size = DIRECTION_BINS[0] * DIRECTION_BINS[1]
        return bytes(self.directions.get(index, 0) for index in range(size))


def direction_bin(dy_deg: float, dp_deg: float) -> int:
    """Index into the direction histogram; the outer bins take what lies beyond."""
    n_dy, n_dp = DIRECTION_BINS
    i, j = math.floor((dy_deg + 60.0) / 10.0), math.floor((dp_deg + 60.0) / 15.0)
    return min(max(i, 0), n_dy - 1) * n_dp + min(max(j, 0), n_dp - 1)


class State(IntEnum):
    """The slow state that may be displayed."""

    UNKNOWN = 0
    LOW = 1
    MIXED = 2
    HIGH = 3


class Display(msgspec.Struct):
    """EMA with half-life 30 s and hysteresis over window scores; None windows freeze it."""

    ema: float = 0.0
    last_start: int = 0  # of the last scored window; 0: none, or reset
    state: int = int(State.UNKNOWN)
    below_40_s: int = 0
    above_50_s: int = 0
    above_70_s: int = 0
    below_60_s: int = 0

    def update(self, start: int, window_s: int, score: float | None) -> State:
        """Enter the window that starts at `start`; windows come in order of time."""
        gap_s = start - self.last_start - (window_s if score is not None else 0)
        if self.last_start and gap_s > 60:
            self.ema, self.last_start, self.state = 0.0, 0, int(State.UNKNOWN)
            self.below_40_s = self.above_50_s = self.above_70_s = self.below_60_s = 0
        if score is not None:
            self._average(start, score)
            self._count(window_s)
            self.state = int(self._next_state())
        return State(self.state)

    def _average(self, start: int, score: float) -> None:
        if self.last_start:
            alpha = 1.0 - 2.0 ** (-(start - self.last_start) / _HALF_LIFE_S)
            self.ema += alpha * (score - self.ema)
        else:
            self.ema = score
        self.last_start = start

    def _count(self, window_s: int) -> None:
        ema = self.ema
        self.below_40_s = self.below_40_s + window_s if ema < 40 else 0
        self.above_50_s = self.above_50_s + window_s if ema > 50 else 0
        self.above_70_s = self.above_70_s + window_s if ema >= 70 else 0
        self.below_60_s = self.below_60_s + window_s if ema < 60 else 0

    def _next_state(self) -> State:
        if self.below_40_s >= 60:
            return State.LOW
        if self.above_70_s >= 30:
            return State.HIGH
        stays_low = self.state == State.LOW and self.above_50_s < 30
        stays_high = self.state == State.HIGH and self.below_60_s < 30
        if stays_low or stays_high:
            return State(self.state)
        return State.MIXED


def class_score(scores: Sequence[float], present: int, k: int = 0) -> float | None:
    """Unweighted mean over students, or None when too few of those present have a score."""
    if not scores or len(scores) < max(minimum_scored(present), k):
        return None
    return sum(scores) / len(scores)


def percentile(values: Sequence[float], share: float) -> float:
    """Linear interpolation between the order statistics."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
