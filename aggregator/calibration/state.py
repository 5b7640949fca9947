"""What a room remembers of its cameras' calibrations; part of the room's snapshot."""

from __future__ import annotations

import math
from typing import Final, Literal

import msgspec

from aggregator.calibration.looks import LessonLooks, Looks
from aggregator.calibration.modes import Mode
from aggregator.calibration.plane import Point, polygon_centre
from schemas.messages import CalibrationSet
from schemas.room_plan import CameraPlan, Direction

CAMERA: Final = ""  # the label of the whole camera, and of places without one
MAX_CAMERA_SEATS: Final = 512
REDRAWN: Final = 0.05  # of the picture: a seat that moved further is another place

Source = Literal["measured", "command"]


class Known(msgspec.Struct, frozen=True):
    """A direction of the front and what stands behind it."""

    direction: Direction
    source: Source
    mass: float | None = None  # share of the cells within 10 degrees
    n: int | None = None  # cells, or faces


def direction_of(known: Known | None) -> Direction | None:
    """The direction itself, if one is known."""
    return None if known is None else known.direction


class SeatCalibration(msgspec.Struct):
    """One seat in one camera, or ("") the camera itself."""

    looks: Looks = msgspec.field(default_factory=Looks)  # of the meeting that is held
    lessons: list[LessonLooks] = []  # newest last
    mode: Mode | None = None  # the front by its own lessons; what drift starts from
    moved: tuple[float, float] | None = None  # where the last lesson's mode was, if far from it
    moved_in: int = 0  # which lesson that was, by its start
    stale: bool = False
    command: Known | None = None
    measured: Known | None = None
    told: Known | None = None  # what the database holds for this place, as far as we know
    centre: Point | None = None  # of the seat in the picture, when its direction became known

    @property
    def is_empty(self) -> bool:
        """Whether nothing would be lost with it."""
        known = self.command or self.measured or self.told
        return not (known or self.lessons or self.looks.passed)

    def was_redrawn(self, centre: Point | None) -> bool:
        """Whether the plan has since put the seat elsewhere in the picture."""
        if self.centre is None or centre is None:
            return False
        return math.dist(self.centre, centre) > REDRAWN


class CameraCalibration(msgspec.Struct):
    """The seats of one camera by their labels."""

    seats: dict[str, SeatCalibration] = {}

    def seat(self, label: str) -> SeatCalibration:
        """What is remembered of a seat, from now on."""
        if (seat := self.seats.get(label)) is None:
            seat = self.seats[label] = SeatCalibration()
        return seat

    @property
    def knows_directions(self) -> bool:
        """Whether any direction was measured or set by hand."""
        return any(seat.command or seat.measured for seat in self.seats.values())


class CalibrationState(msgspec.Struct):
    """All cameras of a room."""

    cameras: dict[str, CameraCalibration] = {}
    commands: list[CalibrationSet] = []  # not yet in force

    def camera(self, camera_id: str) -> CameraCalibration:
        """What is remembered of a camera, from now on."""
        if (camera := self.cameras.get(camera_id)) is None:
            camera = self.cameras[camera_id] = CameraCalibration()
        return camera


def centres_of(camera: CameraPlan) -> dict[str, Point]:
    """Where the picture shows each planned seat."""
    return {seat.label: polygon_centre(seat.polygon) for seat in camera.seats}


def is_from_site_file(camera: CameraPlan, label: str) -> bool:
    """Whether the site file itself gives this place's direction."""
    if label == CAMERA:
        return camera.calibration is not None
    return any(seat.label == label and seat.calibration is not None for seat in camera.seats)
