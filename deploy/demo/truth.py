"""The score that the simulated students deserve: the room's own formulas, fed with the truth.

What a perfect measurement would have seen: for each camera in which a face was to be seen, its
exact direction, size and eyes, with the exact calibration, fused as the room fuses cameras. It
proves the plumbing, never accuracy on people: the pose fit uses the very mesh that the simulator
draws.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from aggregator.cells import Cell, FaceSample, Gaze
from deploy.simulator.truth import Truth, read_truth
from schemas.room_plan import Direction

NS: Final = 1_000_000_000
EAR_OPEN: Final = 0.30
EAR_CLOSED: Final = 0.10
ACTIVITY: Final = "unknown"  # what a meeting without a timetable has


@dataclass(frozen=True)
class SeatKey:
    """A student of the simulation."""

    room_id: str
    label: str


class TrueScores:
    """Cells of every simulated student, by Unix second."""

    def __init__(self, truth_paths: Iterable[Path], started_at_ns: int) -> None:
        """Read the truths of all cameras of films that began at `started_at_ns`."""
        by_room: dict[str, list[Truth]] = defaultdict(list)
        for path in truth_paths:
            truth = read_truth(path)
            by_room[truth.room_id].append(truth)
        self._cells: dict[SeatKey, dict[int, Cell]] = {
            SeatKey(room_id, label): student_cells(
                truths, index, started_at_ns, _own_seat(index), ACTIVITY
            )
            for room_id, truths in by_room.items()
            for index, label in enumerate(truths[0].labels)
        }

    @property
    def seats(self) -> Sequence[SeatKey]:
        """Every student that the simulation has."""
        return list(self._cells)

    def score(self, seat: SeatKey, present: Iterable[tuple[float, float]]) -> float | None:
        """Mean true score (0..100) over the seconds in `present` in which a face was to be seen."""
        cells = self._cells.get(seat, {})
        return mean_score(cells, present)


def mean_score(cells: Mapping[int, Cell], present: Iterable[tuple[float, float]]) -> float | None:
    """Mean x of the observed cells in `present` (Unix times); None if there is none."""
    scores = [
        cell.x
        for start, end in present
        for second in range(math.ceil(start), math.floor(end))
        if (cell := cells.get(second)) is not None and cell.observed
    ]
    return float(np.mean(scores)) if scores else None


Fronts = Callable[[Truth, int], tuple[float, float]]
"""Yaw and pitch of the board, as a camera sees them from where the student sits in a frame."""


def student_cells(
    truths: Sequence[Truth], student: int, started_at_ns: int, fronts: Fronts, activity: str
) -> dict[int, Cell]:
    """One student's cells; a second in which no camera could see the face has none.

    Args:
        truths: of all cameras of a room, at one frame rate.
        student: number on the second axis.
        started_at_ns: Unix time of the first frame.
        fronts: see there.
        activity: what the class does (SCORE §1).
    """
    seconds: dict[int, list[FaceSample]] = defaultdict(list)
    visible = [(t.visible & ~t.do_not_score)[:, student] for t in truths]
    closed = [t.closed[:, student] for t in truths]
    for frame in range(len(truths[0].present)):
        at_ns = started_at_ns + round(frame / truths[0].fps * NS)
        for bit, truth in enumerate(truths):
            if not visible[bit][frame]:
                continue
            ear = EAR_CLOSED if closed[bit][frame] else EAR_OPEN
            sample = _sample(truth, bit, student, frame, fronts(truth, frame), at_ns, ear)
            seconds[at_ns // NS].append(sample)
    gaze = Gaze()
    return {
        second: gaze.cell(second, samples, activity) for second, samples in sorted(seconds.items())
    }


def _own_seat(student: int) -> Fronts:
    return lambda truth, _frame: truth.seats[student].calibration_deg


def _sample(
    truth: Truth, bit: int, student: int, frame: int, front: tuple[float, float], at_ns: int,
    ear: float,
) -> FaceSample:  # fmt: skip
    yaw, pitch, _roll = truth.seen_deg[frame, student].tolist()
    front_yaw, front_pitch = front
    return FaceSample(
        at_ns=at_ns,
        camera_bit=bit,
        yaw_deg=yaw,
        pitch_deg=pitch,
        ear=ear,
        height_px=float(truth.box_xyxy[frame, student, 3] - truth.box_xyxy[frame, student, 1]),
        confidence=1.0,
        front=Direction(yaw_deg=front_yaw, pitch_deg=front_pitch),
    )
