"""A class whose looks are dealt out seat by seat, lesson after lesson, without faces or tracks."""

from __future__ import annotations

import random
from collections.abc import Mapping

from aggregator.calibration.in_force import front_directions
from aggregator.calibration.measuring import measure
from aggregator.calibration.state import CalibrationState
from aggregator.lesson import open_meeting
from aggregator.people import Meeting
from aggregator.rows import CalibrationRow, EventRow, Rows
from schemas.messages import RoomPlan
from schemas.room_plan import CameraPlan
from tests.unit.room_log import START, plan

Pose = tuple[float, float]
DAY_S = 86_400
CAMERA = "cam-1"


def true_front(u: float, v: float) -> Pose:
    """Where the board is, for a seat at (u, v) of the picture."""
    return 40.0 * (u - 0.5), -4.0 + 8.0 * v


class CalibratedClass:
    """One camera's seats, and what their students look at.

    Attributes:
        plan: of the room, uncalibrated unless given.
        state: what the room remembers.
        rows: of the last lesson.
        meeting: the last one.
    """

    def __init__(self, seats: int = 8, room_plan: RoomPlan | None = None, seed: int = 1) -> None:
        self.plan = room_plan or plan(seats=seats, calibrated=False)
        self.state = CalibrationState()
        self.rows: Rows = []
        self.meeting: Meeting | None = None
        self.closed = START
        self.found: dict[str, dict[str, Pose]] = {}  # centres of seats that nobody drew
        self._random = random.Random(seed)

    @property
    def camera(self) -> CameraPlan:
        return self.plan.cameras[0]

    def truth(self, shift: Pose = (0.0, 0.0)) -> dict[str, Pose]:
        """The front of every planned seat, as a camera sees it that was moved by `shift`."""
        truth = {}
        for seat in self.camera.seats:
            xs, ys = zip(*seat.polygon, strict=True)
            yaw, pitch = true_front(sum(xs) / len(xs), sum(ys) / len(ys))
            truth[seat.label] = yaw + shift[0], pitch + shift[1]
        return truth

    def lesson(
        self,
        fronts: Mapping[str, Pose] | None = None,
        *,
        seconds: int = 300,
        away: Mapping[str, Pose] | None = None,
        days: int = 1,
    ) -> Rows:
        """Hold one lesson: 60 % front, 25 % desk, 15 % anywhere.

        Args:
            fronts: of the seats that are taken; all by default.
            seconds: observed of each seat.
            away: what some look at nearly all the time instead.
            days: since the last one.
        """
        start = self.closed + days * DAY_S
        for label, front in (self.truth() if fronts is None else fronts).items():
            looks = self.state.camera(CAMERA).seat(label).looks
            for _ in range(seconds):
                pose = (away or {}).get(label) or self._look(front)
                if looks.is_due():
                    looks.add(self._random.gauss(pose[0], 4.0), self._random.gauss(pose[1], 4.0))
        self.meeting = open_meeting(self.plan, start, None)
        self.closed = start + seconds
        self.rows = measure(self.state, self.plan, self.meeting, self.closed, self.found)
        return self.rows

    def _look(self, front: Pose) -> Pose:
        chance = self._random.random()
        if chance < 0.6:
            return front
        if chance < 0.85:
            return front[0], front[1] - 35.0
        return self._random.uniform(-70, 70), self._random.uniform(-30, 20)

    def lessons(self, count: int, fronts: Mapping[str, Pose] | None = None) -> None:
        for _ in range(count):
            self.lesson(fronts)

    def calibrations(self) -> dict[str, CalibrationRow]:
        """Of the last lesson, by seat."""
        return {row.seat: row for row in self.rows if isinstance(row, CalibrationRow)}

    def events(self) -> list[EventRow]:
        return [row for row in self.rows if isinstance(row, EventRow)]

    def in_force(self) -> dict[str, Pose | None]:
        """What holds for the next lesson."""
        known = self.state.cameras.get(CAMERA)
        fronts = front_directions(self.camera, known)
        return {
            label: front and (front.yaw_deg, front.pitch_deg) for label, front in fronts.items()
        }
