"""The simulated class: its room with two cameras, and a lesson in which much goes wrong.

Latecomers, one who leaves early, one who never comes, heads on desks, people who walk past, a
poster with a face, and two students who change seats at half time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deploy.simulator.scene import ROW_PITCH_M, Room, build_room
from deploy.simulator.script import (
    Behaviour,
    Lesson,
    Move,
    Passer,
    Poster,
    Section,
    StudentScript,
    write_lesson,
)
from deploy.simulator.walk import arrives_at_s, way_between

ROOM_ID: Final = "classroom"
LEAST_SEATS: Final = 6
MOST_SEATS: Final = 42
_CAMERA_SPREAD: Final = 0.2  # of the class's width, to either side of the board
_SWAP_AT: Final = 0.5
_SECOND_GETS_UP_S: Final = 2.0
_NEVER_S: Final = float("inf")
_POSTER_NECK_M: Final = 2.25  # above everybody's head, on the back wall
_SMALL_PX: Final = (960, 540)  # two rows only
_PX: Final = (1920, 1080)


@dataclass(frozen=True)
class Roles:
    """Who does what; indices of students.

    Attributes:
        swapped: the two who change seats.
        absent: never comes.
        heads_down: who sleep on the desk for a while.
    """

    swapped: tuple[int, int]
    absent: int
    heads_down: tuple[int, ...]


@dataclass(frozen=True)
class Classroom:
    """A class.

    Attributes:
        room: with its seats and cameras.
        lesson: the script.
        roles: who does what in it.
        usual: a lesson in which all sit in their own seats: from it the seat plan is drawn.
    """

    room: Room
    lesson: Lesson
    roles: Roles
    usual: Lesson

    @property
    def swapped_at_s(self) -> float:
        """When both who change seats sit in the other's seat."""
        moves = [self.lesson.students[index].moves[0] for index in self.roles.swapped]
        return max(arrives_at_s(move) for move in moves)

    def seat_of(self, seated: NDArray[np.bool_], fps: float) -> NDArray[np.int16]:
        """(F, S) in which seat each student sits; -1 in none.

        Args:
            seated: (F, S) from the truth.
            fps: frames a second of it.
        """
        labels = [seat.label for seat in self.room.seats]
        seats = np.tile(np.arange(len(labels), dtype=np.int16), (len(seated), 1))
        times = np.arange(len(seated)) / fps
        for index, student in enumerate(self.lesson.students):
            for move in student.moves:
                seats[times >= move.start_s, index] = labels.index(move.seat)
        taken: NDArray[np.int16] = np.where(seated, seats, np.int16(-1))
        return taken


def build_classroom(seats: int, minutes: float, seed: int) -> Classroom:
    """Furnish a room with two cameras and script its lesson.

    Args:
        seats: how many; rounded up to full rows.
        minutes: length.
        seed: of everything that is invented.

    Raises:
        ValueError: too few or too many seats, or too short a lesson.
    """
    room = _room(seats)
    return _script(room, write_lesson(room, minutes, seed), seed)


def _room(seats: int) -> Room:
    if not LEAST_SEATS <= seats <= MOST_SEATS:
        raise ValueError(
            f"the simulated class has {LEAST_SEATS} to {MOST_SEATS} seats, not {seats}"
        )
    columns = 3 if seats <= 6 else 4 if seats <= 12 else 6
    rows = -(-seats // columns)
    spread_m = _CAMERA_SPREAD * columns * 0.7
    width, height = _SMALL_PX if rows == 2 else _PX
    return build_room(
        ROOM_ID, "Classroom (simulated)", rows=rows, columns=columns,
        camera_offsets_m=(-spread_m, spread_m), width=width, height=height,
    )  # fmt: skip


def _script(room: Room, lesson: Lesson, seed: int) -> Classroom:
    rng = np.random.default_rng([seed, 0x5EA7])
    students = list(lesson.students)
    roles = _roles(room, students, rng)
    students[roles.absent] = replace(
        students[roles.absent], arrives_s=_NEVER_S, leaves_s=_NEVER_S, sections=()
    )
    for index in roles.heads_down:
        students[index] = _with_head_down(students[index])
    for order, (one, other) in enumerate([roles.swapped, roles.swapped[::-1]]):
        start_s = round(_SWAP_AT * lesson.duration_s) + order * _SECOND_GETS_UP_S
        way_m = way_between(room, students[one].seat, students[other].seat)
        move = Move(start_s, students[other].seat, way_m)
        students[one] = replace(students[one], moves=(move,))
    scripted = replace(
        lesson,
        students=tuple(students),
        walkers=_walkers(room, lesson.duration_s, seed),
        posters=(_poster(room, seed),),
    )
    return Classroom(room, scripted, roles, lesson)


def _roles(room: Room, students: list[StudentScript], rng: np.random.Generator) -> Roles:
    whole = [
        index
        for index, student in enumerate(students)
        if student.arrives_s == 0 and student.leaves_s == max(s.leaves_s for s in students)
    ]
    order = [whole[int(i)] for i in rng.permutation(len(whole))]
    one = order[0]
    # Not side by side: another row, another column.
    apart = [i for i in order[1:] if _is_apart(room.seats[one].label, room.seats[i].label)]
    other = (apart or order[1:])[0]
    rest = [i for i in order if i not in (one, other)]
    return Roles(swapped=(one, other), absent=rest[0], heads_down=tuple(rest[1:3]))


def _is_apart(one: str, other: str) -> bool:
    return one[0] != other[0] and one[1:] != other[1:]


def _with_head_down(student: StudentScript) -> StudentScript:
    """One section of the second half of the lesson, on the desk."""
    index = max(2, round(0.7 * len(student.sections)) - 1)
    section = student.sections[index]
    down = Section(section.start_s, section.end_s, Behaviour.HEAD_DOWN, section.side)
    sections = (*student.sections[:index], down, *student.sections[index + 1 :])
    return replace(student, sections=sections)


def _walkers(room: Room, duration_s: float, seed: int) -> tuple[Passer, ...]:
    """One in front of the class, and one along the way behind the first row, faces to be seen."""
    first_row_m = max(seat.neck_m[2] for seat in room.seats)
    return (
        Passer(0.32 * duration_s, 1, first_row_m - 0.6 * ROW_PITCH_M, seed + 501, yaw_deg=50.0),
        Passer(0.75 * duration_s, -1, 0.72 * first_row_m, seed + 502, yaw_deg=60.0),
    )


def _poster(room: Room, seed: int) -> Poster:
    wall_m = min(seat.neck_m[2] for seat in room.seats) - 1.35 * ROW_PITCH_M
    return Poster((-0.35, _POSTER_NECK_M, wall_m), seed + 601)
