"""Generated observations: what ingest and workers would write of a class, second by second.

Students sit in rows and turn between the front, the desk and elsewhere; boxes jitter, eyes blink,
a few faces are missed. It is made for its cost in the aggregator, not for its scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from schemas.messages import CameraStatus, Face, Fields, FrameFaces, encode

NS: Final = 1_000_000_000
WIDTH, HEIGHT = 1920, 1080
COLUMNS: Final = 6
FRONT_DEG: Final = (5.0, -4.0)
# Yaw and pitch of heads: the front, the desk, a neighbour.
_TARGETS_DEG: Final = np.array([FRONT_DEG, (5.0, -38.0), (75.0, -8.0)])
_SHARES: Final = (0.6, 0.25, 0.15)
_TURNS_A_SECOND: Final = 0.08
_SEEN: Final = 0.97
_LATENCY_S: Final = 0.4  # from capture to the entry in the log
EPOCH: Final = "01k0000000"


def seat_centre(index: int, students: int) -> tuple[float, float]:
    """Where a student's face is, in fractions of the picture."""
    rows = -(-students // COLUMNS)
    column, row = index % COLUMNS, index // COLUMNS
    return (column + 0.5) / COLUMNS, 0.1 + 0.8 * (row + 0.5) / rows


def seat_polygon(index: int, students: int) -> tuple[tuple[float, float], ...]:
    """The seat around that face."""
    x, y = seat_centre(index, students)
    dx, dy = 0.45 / COLUMNS, 0.36 / -(-students // COLUMNS)
    return (x - dx, y - dy), (x + dx, y - dy), (x + dx, y + dy), (x - dx, y + dy)


class ClassroomLog:
    """One room with one camera.

    Args:
        room_id, camera_id: slugs.
        students: how many sit in it.
        fps: analysed frames a second.
        seed: another class for another number.
    """

    def __init__(self, room_id: str, camera_id: str, students: int, fps: int, seed: int) -> None:
        self._room_id = room_id
        self._camera_id = camera_id
        self._students = students
        self._fps = fps
        self._chance = np.random.default_rng(seed)
        self._centres = np.array([seat_centre(i, students) for i in range(students)])
        self._target = self._chance.choice(3, students, p=_SHARES)
        self._pose = _TARGETS_DEG[self._target].copy()
        self._sway = np.zeros((students, 2))
        self._seq = 0
        self.faces_in_second = 0  # of the one told last

    def second(self, start: int) -> Iterator[tuple[str, Fields]]:
        """The entries of the second that starts at Unix time `start`, with their ids."""
        self.faces_in_second = 0
        for k in range(self._fps):
            captured_at = start * NS + k * NS // self._fps
            came_ms = captured_at // 1_000_000 + round(1000 * _LATENCY_S)
            yield f"{came_ms}-0", encode(self._frame(captured_at))
        status = CameraStatus(
            room_id=self._room_id,
            camera_id=self._camera_id,
            at=captured_at,
            state="up",
            epoch=EPOCH,
            last_seq=self._seq - 1,
        )
        yield f"{came_ms}-1", encode(status)

    def _frame(self, captured_at: int) -> FrameFaces:
        self._move()
        faces = [_face(*values) for values in self._measured()]
        self._seq += 1
        self.faces_in_second += len(faces)
        return FrameFaces(
            room_id=self._room_id,
            camera_id=self._camera_id,
            epoch=EPOCH,
            seq=self._seq - 1,
            captured_at=captured_at,
            width=WIDTH,
            height=HEIGHT,
            outcome="analysed",
            faces=tuple(faces),
            analysed_at=captured_at + NS // 4,
            model_version="bench",
        )

    def _move(self) -> None:
        """Heads follow their targets, bodies sway about their seats."""
        n, chance = self._students, self._chance
        turns = chance.random(n) < _TURNS_A_SECOND / self._fps
        self._target[turns] = chance.choice(3, int(turns.sum()), p=_SHARES)
        self._pose += 0.4 * (_TARGETS_DEG[self._target] - self._pose)
        self._sway = 0.95 * self._sway + chance.normal(0.0, 0.0015, (n, 2))

    def _measured(self) -> list[list[float]]:
        """A list of numbers for every face that is found: see `_face`."""
        n, chance = self._students, self._chance
        centres = (self._centres + self._sway) * (WIDTH, HEIGHT) + chance.normal(0.0, 1.0, (n, 2))
        px = chance.normal(85.0, 2.0, (n, 1))
        pose = self._pose + chance.normal(0.0, 3.0, (n, 2))
        ear = np.where(chance.random((n, 1)) < 0.05, 0.1, 0.3) + chance.normal(0.0, 0.02, (n, 2))
        rest = np.hstack([chance.uniform(0.7, 0.95, (n, 2)), pose, np.clip(ear, 0.0, 1.0)])
        values: NDArray[Any] = np.hstack([centres, px, rest]).round(3)
        found: list[list[float]] = values[chance.random(n) < _SEEN].tolist()
        return found


def _face(
    x: float,
    y: float,
    px: float,
    confidence: float,
    presence: float,
    yaw: float,
    pitch: float,
    left: float,
    right: float,
) -> Face:
    return Face(
        box_xyxy=(x - 0.4 * px, y - 0.5 * px, x + 0.4 * px, y + 0.5 * px),
        confidence=confidence,
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=0.0,
        eye_openness=(left, right),
        presence=presence,
        quality=0.9,
    )
