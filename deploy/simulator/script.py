"""What every simulated student does during a lesson: scripted, seeded, different for each.

Angles are relative to the direction from the student to the board.
"""

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Final

import numpy as np

from deploy.simulator.scene import Room

FPS: Final = 10


class Behaviour(IntEnum):
    """What a student does; the number stands in the truth file."""

    BOARD = 0
    WRITING = 1
    NEIGHBOUR = 2
    HEAD_DOWN = 3
    AWAY = 4
    DROWSY = 5
    WALKING = 6


_OFF_TASK: Final = (Behaviour.NEIGHBOUR, Behaviour.AWAY, Behaviour.NEIGHBOUR, Behaviour.AWAY)
_OPENING_S: Final = 35.0  # a seat locks after 30 s of presence: until then most are visible
_SHORTEST_S: Final = 8.0


@dataclass(frozen=True, slots=True)
class Section:
    """One behaviour for a while; `side` is where the head turns, +1 to image right."""

    start_s: float
    end_s: float
    behaviour: Behaviour
    side: int


@dataclass(frozen=True, slots=True)
class Move:
    """A student gets up in mid-lesson and sits down at another seat.

    Attributes:
        start_s: when the student gets up.
        seat: label of the seat where the student sits from then on.
        way_m: (x, y, z) relative to the neck at the first seat: the standing points of the way,
            and last the neck at the new seat.
    """

    start_s: float
    seat: str
    way_m: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class StudentScript:
    """One student's lesson.

    Attributes:
        seat: label.
        seed: of looks and of small movements.
        arrives_s, leaves_s: when the student sits down and gets up; an absent one never arrives.
        sections: without gaps from `arrives_s` to `leaves_s`.
        moves: changes of seats, in order; at most one.
    """

    seat: str
    seed: int
    arrives_s: float
    leaves_s: float
    sections: tuple[Section, ...]
    moves: tuple[Move, ...] = ()


@dataclass(frozen=True, slots=True)
class Passer:
    """Somebody who walks past; between the camera and the first row unless `z_m` says otherwise.

    `yaw_deg` is what the cameras see, times the direction: at 124, somebody on the way who looks
    at the board, they see the back of the head, half turned.
    """

    start_s: float
    direction: int
    z_m: float
    seed: int
    yaw_deg: float = 124.0


@dataclass(frozen=True, slots=True)
class Poster:
    """A picture of a face on a wall.

    Attributes:
        neck_m: (x, y, z) where the neck of the person would be.
        seed: of the looks.
    """

    neck_m: tuple[float, float, float]
    seed: int


@dataclass(frozen=True, slots=True)
class Lesson:
    """The script of one room."""

    room_id: str
    duration_s: float
    students: tuple[StudentScript, ...]
    passer: Passer
    walkers: tuple[Passer, ...] = ()
    posters: tuple[Poster, ...] = ()


def write_lesson(room: Room, minutes: float, seed: int) -> Lesson:
    """Write the script of a lesson.

    Raises:
        ValueError: the lesson is too short for seats to lock and scores to differ.
    """
    if minutes < 1:
        raise ValueError(f"a simulated lesson takes at least 1 minute, not {minutes:g}")
    duration_s = minutes * 60
    room_key = sum(ord(letter) * (i + 1) for i, letter in enumerate(room.id))
    rng = np.random.default_rng([seed, room_key])
    n = len(room.seats)
    # Evenly spread over the class, so that true scores differ and can be ranked.
    attentive = rng.permutation(np.linspace(0.38, 0.95, n))
    special = rng.permutation(n)
    late = {int(i) for i in special[: 1 if n < 8 else 2]}
    leaver = int(special[-1])
    drowsy = {int(i) for i in special[2:4]} if n >= 6 else {int(special[1])}
    students = []
    for index, seat in enumerate(room.seats):
        arrives = duration_s * float(rng.uniform(0.16, 0.24)) if index in late else 0.0
        leaves = duration_s * 0.88 if index == leaver and n >= 4 else duration_s
        side = -1 if _seen_yaw_deg(room, index) > 0 else 1
        sections = _sections(
            rng, arrives, leaves, float(attentive[index]), side, drowses=index in drowsy
        )
        student_seed = seed * 100_000 + room_key * 100 + index
        students.append(StudentScript(seat.label, student_seed, arrives, leaves, sections))
    front_row_m = -max(seat.neck_m[2] for seat in room.seats)
    passer = Passer(duration_s * 0.55, int(rng.choice([-1, 1])), -0.70 * front_row_m, seed + 77)
    return Lesson(room.id, duration_s, tuple(students), passer)


def _seen_yaw_deg(room: Room, index: int) -> float:
    """How far a student who faces the board looks past the cameras, + to image right."""
    x, _, z = room.seats[index].neck_m
    camera_x = float(np.mean([camera.position_m[0] for camera in room.cameras]))
    return float(np.degrees(np.arctan2(room.board_m[0] - x, -z) - np.arctan2(camera_x - x, -z)))


def _sections(
    rng: np.random.Generator,
    arrives_s: float,
    leaves_s: float,
    attentive: float,
    side: int,
    *,
    drowses: bool,
) -> tuple[Section, ...]:
    opening_end = arrives_s + min(_OPENING_S, 0.45 * (leaves_s - arrives_s))
    middle = arrives_s + (opening_end - arrives_s) * float(rng.uniform(0.4, 0.65))
    sections = [
        Section(arrives_s, middle, Behaviour.BOARD, side),
        Section(middle, opening_end, Behaviour(int(rng.integers(2))), side),
    ]
    bounds = _cuts(rng, opening_end, leaves_s)
    for (start, end), behaviour in zip(
        bounds, _behaviours(rng, bounds, attentive, drowses=drowses), strict=True
    ):
        sections.append(Section(start, end, behaviour, side))
    return tuple(sections)


def _cuts(rng: np.random.Generator, start_s: float, end_s: float) -> list[tuple[float, float]]:
    """Cut a time span into sections: of 8 to 13 s in a short lesson, longer in a long one."""
    typical_s = float(np.clip((end_s - start_s) / 9, _SHORTEST_S + 1.5, 75.0))
    count = max(2, int((end_s - start_s) / typical_s))
    share = rng.uniform(0.8, 1.2, count)
    edges = start_s + np.concatenate([[0.0], np.cumsum(share / share.sum())]) * (end_s - start_s)
    return [(float(a), float(b)) for a, b in pairwise(edges)]


def _behaviours(
    rng: np.random.Generator,
    bounds: list[tuple[float, float]],
    attentive: float,
    *,
    drowses: bool,
) -> list[Behaviour]:
    """Deal behaviours so that about `attentive` of the time is on task."""
    total = sum(end - start for start, end in bounds)
    order = rng.permutation(len(bounds))
    chosen = [Behaviour.BOARD] * len(bounds)
    off_s, off_index, on_index = 0.0, 0, 0
    head_down = bool(rng.random() < 0.35) and attentive < 0.8
    for position in order:
        start, end = bounds[int(position)]
        if off_s + (end - start) / 2 <= (1 - attentive) * total:
            off_s += end - start
            chosen[int(position)] = _OFF_TASK[(off_index + int(rng.integers(2))) % 4]
            if head_down and off_index == 1:
                chosen[int(position)] = Behaviour.HEAD_DOWN
            off_index += 1
        else:
            chosen[int(position)] = Behaviour.WRITING if on_index % 3 == 1 else Behaviour.BOARD
            if drowses and on_index == 0:
                chosen[int(position)] = Behaviour.DROWSY
            on_index += 1
    return chosen
