"""A class's truth for many lessons, put together from two that are scripted.

In one of the two everybody is on task all the time, in the other hardly ever. A lesson takes each
student's every minute from the one or the other, so that how much a class looks up can be chosen
for each lesson and minute while heads still move as scripted ones do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deploy.demo.history_plan import FADES_AT_MIN, MINUTES, HistoryLesson
from deploy.simulator.scene import Room
from deploy.simulator.script import Behaviour, Lesson, Passer, Section, StudentScript
from deploy.simulator.truth import Truth
from deploy.simulator.undrawn import Undrawn
from workers.geometry.canonical_mesh import CanonicalMesh

FPS: Final = 1.0
EMPTY_SEATS: Final = 4
_SECTION_S: Final = (25.0, 70.0)
_ON_TASK: Final = (Behaviour.BOARD, Behaviour.BOARD, Behaviour.BOARD, Behaviour.WRITING)
_OFF_TASK: Final = (Behaviour.NEIGHBOUR, Behaviour.AWAY, Behaviour.AWAY, Behaviour.DROWSY)
_STUDENTS: Final = (-0.20, 0.20)  # from the class's share of time on task
_LOW: Final = 0.40  # see `HistoryLesson.best_is_low`
_UNREST: Final = 0.06  # of the class, from minute to minute
_GOLDEN: Final = 0.6180339887498949
_AWAY_SHARE: Final = 0.06  # of students in a lesson
_PASSER_AT: Final = 0.55
_PER_STUDENT: Final = (
    "present", "seated", "behaviour", "seen_deg", "front_deg", "neck_xy", "box_xyxy", "openness",
    "smile", "occluded", "do_not_score",
)  # fmt: skip


@dataclass(frozen=True)
class ScriptedClass:
    """What the room's first camera would show.

    Attributes:
        on_task, off_task: the two lessons.
        bystanders: who walks past, in every lesson.
        taken: numbers of the seats in which somebody sits.
        habits: of each seat's student, added to the class's share of time on task.
    """

    on_task: Truth
    off_task: Truth
    bystanders: Truth
    taken: tuple[int, ...]
    habits: NDArray[np.float64]

    @property
    def usual(self) -> Truth:
        """Half of each: shows where heads are, for the seat plan."""
        minutes = np.arange(len(self.on_task.present)) // 60
        everybody = np.ones(len(self.on_task.seats), bool)
        return self._mixed((minutes % 2 == 0)[:, None] & everybody, everybody)

    def truth(self, lesson: HistoryLesson) -> Truth:
        """The lesson's own."""
        chance = np.random.default_rng([lesson.seed, 0xC1A55])
        seats = len(self.on_task.seats)
        wanted = lesson.on_task + self.habits + chance.normal(0.0, _UNREST, (MINUTES, 1))
        wanted[FADES_AT_MIN:] += lesson.late_on_task - lesson.on_task
        if lesson.best_is_low:
            wanted[:, np.argmax(self.habits)] -= _LOW
        # Evenly spread over students and minutes: else eight students' luck would make or mend the
        # loss of a class.
        turn = chance.permutation(seats) / seats + _GOLDEN * np.arange(MINUTES)[:, None]
        minutes = turn % 1.0 < np.clip(wanted, 0.04, 0.98)
        here = (chance.random(seats) >= _AWAY_SHARE) & np.isin(np.arange(seats), self.taken)
        return self._mixed(np.repeat(minutes, round(60 * FPS), axis=0), here)

    def _mixed(self, is_on_task: NDArray[np.bool_], here: NDArray[np.bool_]) -> Truth:
        """(F, S) who is on task when, (S) who is there."""
        arrays = {}
        for name in _PER_STUDENT:
            on, off = getattr(self.on_task, name), getattr(self.off_task, name)
            mask = is_on_task.reshape(is_on_task.shape + (1,) * (on.ndim - 2))
            arrays[name] = np.where(mask, on, off)
        arrays["present"] = arrays["present"] & here
        arrays["seated"] = arrays["seated"] & here
        return replace(self.on_task, **arrays)


def script_class(mesh: CanonicalMesh, room: Room, seed: int) -> ScriptedClass:
    """Script both lessons and work out what the room's first camera would show of them."""
    chance = np.random.default_rng([seed, 0x2007])
    taken = tuple(sorted(chance.permutation(len(room.seats))[EMPTY_SEATS:].tolist()))
    habits = np.zeros(len(room.seats))
    habits[list(taken)] = chance.permutation(np.linspace(*_STUDENTS, len(taken)))
    films = []
    for behaviours in (_ON_TASK, _OFF_TASK):
        lesson = _lesson(room, seed, behaviours, chance)
        films.append(Undrawn(mesh, room, lesson, FPS).film(room.cameras[0]))
    on_task, off_task = films
    return ScriptedClass(on_task.students, off_task.students, on_task.bystanders, taken, habits)


def _lesson(
    room: Room,
    seed: int,
    behaviours: tuple[Behaviour, ...],
    chance: np.random.Generator,
) -> Lesson:
    length_s = MINUTES * 60.0
    students = []
    for index, seat in enumerate(room.seats):
        sections = _sections(length_s, behaviours, chance)
        looks = seed * 1000 + index  # the same face in both
        students.append(StudentScript(seat.label, looks, 0.0, length_s, sections))
    first_row_m = -max(seat.neck_m[2] for seat in room.seats)
    passer = Passer(_PASSER_AT * length_s, 1, -0.7 * first_row_m, seed + 77)
    return Lesson(room.id, length_s, tuple(students), passer)


def _sections(
    length_s: float, behaviours: tuple[Behaviour, ...], chance: np.random.Generator
) -> tuple[Section, ...]:
    sections, at_s = [], 0.0
    side = int(chance.choice([-1, 1]))
    while at_s < length_s:
        end_s = min(length_s, at_s + float(chance.uniform(*_SECTION_S)))
        behaviour = behaviours[int(chance.integers(len(behaviours)))]
        sections.append(Section(at_s, end_s, behaviour, side))
        at_s = end_s
    return tuple(sections)
