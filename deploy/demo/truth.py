"""The score that the simulated students deserve: the room's own formulas, fed with the truth.

What a perfect measurement would have seen: for each camera in which a face was to be seen, its
exact direction, size and eyes, with the exact calibration, fused as the room fuses cameras. It
proves the plumbing, never accuracy on people: the pose fit uses the very mesh that the simulator
draws.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from aggregator.cells import Cell, FaceSample, Gaze
from deploy.simulator.truth import Truth, read_truth
from schemas.messages import Direction

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
            SeatKey(room_id, label): _cells(truths, label, started_at_ns)
            for room_id, truths in by_room.items()
            for label in truths[0].labels
        }

    @property
    def seats(self) -> Sequence[SeatKey]:
        """Every student that the simulation has."""
        return list(self._cells)

    def score(self, seat: SeatKey, present: Iterable[tuple[float, float]]) -> float | None:
        """Mean true score (0..100) over the seconds in `present` in which a face was to be seen."""
        cells = self._cells.get(seat, {})
        scores = [
            cell.x
            for start, end in present
            for second in range(math.ceil(start), math.floor(end))
            if (cell := cells.get(second)) is not None and cell.observed
        ]
        return float(np.mean(scores)) if scores else None


def _cells(truths: Sequence[Truth], label: str, started_at_ns: int) -> dict[int, Cell]:
    """One student's cells; a second in which no camera could see the face has none."""
    seconds: dict[int, list[FaceSample]] = defaultdict(list)
    for frame in range(len(truths[0].present)):
        at_ns = started_at_ns + round(frame / truths[0].fps * NS)
        for bit, truth in enumerate(truths):
            if (sample := _sample(truth, bit, label, frame, at_ns)) is not None:
                seconds[at_ns // NS].append(sample)
    gaze = Gaze()
    return {
        second: gaze.cell(second, samples, ACTIVITY) for second, samples in sorted(seconds.items())
    }


def _sample(truth: Truth, bit: int, label: str, frame: int, at_ns: int) -> FaceSample | None:
    seat = truth.seat_index(label)
    if not truth.visible[frame, seat] or truth.do_not_score[frame, seat]:
        return None
    yaw, pitch, _roll = truth.seen_deg[frame, seat].tolist()
    front_yaw, front_pitch = truth.seats[seat].calibration_deg
    return FaceSample(
        at_ns=at_ns,
        camera_bit=bit,
        yaw_deg=yaw,
        pitch_deg=pitch,
        ear=EAR_CLOSED if truth.closed[frame, seat] else EAR_OPEN,
        height_px=float(truth.face_px[frame, seat]),
        confidence=1.0,
        front=Direction(yaw_deg=front_yaw, pitch_deg=front_pitch),
    )
