"""What is true of the class, in whole seconds: who sits where, how many, and their scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aggregator.cells import Cell
from aggregator.claims import LOCK_S
from deploy.demo.truth import mean_score, student_cells
from deploy.lesson.classroom import Classroom
from deploy.simulator.truth import Truth


@dataclass(frozen=True)
class TrueClass:
    """The truth that a lesson is judged by.

    Attributes:
        labels: each student's own seat.
        start_s: Unix time of the lesson's first second.
        seat_of: (T, S) in which seat each student sits in each second; -1: in none.
        cells: of each student, by Unix second: what a perfect measurement would have scored.
        swapped: the two who change seats.
        swapped_at_s: Unix time at which both sit again.
    """

    labels: tuple[str, ...]
    start_s: int
    seat_of: NDArray[np.int16]
    cells: Sequence[Mapping[int, Cell]]
    swapped: tuple[int, int]
    swapped_at_s: float

    @property
    def seconds(self) -> int:
        """Length of the lesson."""
        return len(self.seat_of)

    @property
    def head_count(self) -> NDArray[np.intp]:
        """(T) how many sit."""
        counts: NDArray[np.intp] = (self.seat_of >= 0).sum(axis=1)
        return counts

    @property
    def settled_count(self) -> NDArray[np.intp]:
        """(T) how many have sat in one seat long enough for presence to begin (SCORE §5: 30 s)."""
        settled = np.zeros_like(self.seat_of, bool)
        sat_s = np.zeros(self.seat_of.shape[1], int)
        before = self.seat_of[0]
        for second, seats in enumerate(self.seat_of):
            sat_s = np.where((seats >= 0) & (seats == before), sat_s + 1, 0)
            settled[second] = sat_s >= LOCK_S
            before = seats
        counts: NDArray[np.intp] = settled.sum(axis=1)
        return counts

    def score(self, student: int, present: Iterable[tuple[float, float]]) -> float | None:
        """0..100 over the seconds of `present` in which the student's face was to be seen."""
        return mean_score(self.cells[student], present)


def true_class(
    classroom: Classroom, truths: Sequence[Truth], start_s: int, activity: str
) -> TrueClass:
    """Work out what is true.

    Args:
        classroom: the script.
        truths: of all cameras.
        start_s: Unix time of the first frame.
        activity: what the class does (SCORE §1).
    """
    fps = truths[0].fps
    by_frame = classroom.seat_of(truths[0].seated, fps)
    seconds = int(len(by_frame) / fps)
    middle = np.minimum(((np.arange(seconds) + 0.5) * fps).astype(int), len(by_frame) - 1)

    def cells_of(student: int) -> dict[int, Cell]:
        def front(truth: Truth, frame: int) -> tuple[float, float]:
            seat = int(by_frame[frame, student])
            return truth.seats[seat if seat >= 0 else student].calibration_deg

        return student_cells(truths, student, start_s * 1_000_000_000, front, activity)

    return TrueClass(
        labels=tuple(seat.label for seat in classroom.room.seats),
        start_s=start_s,
        seat_of=by_frame[middle],
        cells=[cells_of(student) for student in range(len(classroom.room.seats))],
        swapped=classroom.roles.swapped,
        swapped_at_s=start_s + classroom.swapped_at_s,
    )
