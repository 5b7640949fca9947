"""Simulated rooms: seats, board and cameras in three dimensions, and how cameras see them.

World axes in metres: students look along +z at the front wall (z = 0); y is up; x points to the
right for a camera that hangs on the front wall and looks at the students.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from deploy.simulator.head import Floats, angles_deg, rotation

BOARD_HEIGHT_M: Final = 1.5
NECK_HEIGHT_M: Final = 1.08  # of a seated student's neck joint
_TIER_M: Final = 0.12  # each row sits this much higher, so that heads stay clear of each other
ROW_PITCH_M: Final = 1.15
COLUMN_PITCH_M: Final = 0.7
_STAGGER_M: Final = 0.16  # alternate rows sit this much left and right
_FOCAL_OF_WIDTH: Final = 0.85  # 61 degrees across
_CAMERA_HEIGHT_M: Final = 1.95
_NEAREST_ROW_M: Final = 2.0
_EDGE_M: Final = 0.30  # free space beside the outermost faces
POSE_STEP_DEG: Final = 2.0


@dataclass(frozen=True, slots=True)
class Seat:
    """A place in a room.

    Attributes:
        label: row letter and column number, A1 front left in the picture.
        neck_m: (x, y, z) of the neck joint of whoever sits there upright.
    """

    label: str
    neck_m: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera.

    Attributes:
        id: slug.
        position_m: where it hangs.
        target_m: what its optical axis points at.
        focal_px: focal length.
        width, height: picture [px].
    """

    id: str
    position_m: tuple[float, float, float]
    target_m: tuple[float, float, float]
    focal_px: float
    width: int
    height: int

    def axes(self) -> Floats:
        """(3, 3): rows are the picture's right, up and backwards in the world."""
        return _camera_axes(self)

    def project(self, points_m: Floats) -> Floats:
        """World points to (…, 3): x and y in the picture [px], depth along the axis [m]."""
        seen = (points_m - np.array(self.position_m)) @ self.axes().T
        depth = -seen[..., 2]
        x = self.width / 2 + self.focal_px * seen[..., 0] / depth
        y = self.height / 2 - self.focal_px * seen[..., 1] / depth
        return np.stack([x, y, depth], axis=-1)

    def px_per_cm(self, point_m: Floats) -> float:
        """Scale of the picture at a place."""
        return float(self.focal_px / self.project(point_m)[2] / 100)

    def line_of_sight(self, point_m: Floats) -> Floats:
        """(3, 3): rows are right, up and towards the camera, as seen along the line of sight."""
        back = np.array(self.position_m) - point_m
        return _axes(back, self.axes()[1])


@lru_cache(maxsize=64)
def _camera_axes(camera: Camera) -> Floats:
    return _axes(np.subtract(camera.position_m, camera.target_m), np.array([0.0, 1.0, 0.0]))


@dataclass(frozen=True, slots=True)
class Room:
    """A simulated classroom.

    Attributes:
        id, name: slug and what people call it.
        seats: front row first.
        cameras: one or more.
        board_m: what students look at when they look at the front.
    """

    id: str
    name: str
    seats: tuple[Seat, ...]
    cameras: tuple[Camera, ...]
    board_m: tuple[float, float, float] = (0.0, BOARD_HEIGHT_M, 0.0)

    def front(self, neck_m: Floats) -> Floats:
        """(3, 3) head axes to world axes of somebody there who faces the board."""
        eyes = neck_m + np.array([0.0, 0.10, 0.05])
        return _axes(np.array(self.board_m) - eyes, np.array([0.0, 1.0, 0.0])).T


def seen_pose(camera: Camera, neck_m: Floats, head_to_world: Floats) -> tuple[float, float, float]:
    """Yaw, pitch, roll [deg] relative to the line of sight."""
    return angles_deg(camera.line_of_sight(neck_m) @ head_to_world)


def rounded_pose(pose_deg: tuple[float, float, float]) -> tuple[float, float, float]:
    """The nearest pose that is drawn."""
    yaw, pitch, roll = (POSE_STEP_DEG * round(angle / POSE_STEP_DEG) for angle in pose_deg)
    return yaw, pitch, roll


def pose_to_front(
    room: Room, camera: Camera, neck_m: Floats, seen_deg: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Turn a pose relative to the line of sight into one relative to the board."""
    head_to_world = camera.line_of_sight(neck_m).T @ rotation(*seen_deg)
    return angles_deg(room.front(neck_m).T @ head_to_world)


def calibration_deg(room: Room, camera: Camera, seat: Seat) -> tuple[float, float]:
    """Yaw and pitch that the camera sees when this seat's student faces the board."""
    neck = np.array(seat.neck_m)
    yaw, pitch, _ = seen_pose(camera, neck, room.front(neck))
    return yaw, pitch


def build_room(
    room_id: str,
    name: str,
    *,
    rows: int,
    columns: int,
    camera_offsets_m: tuple[float, ...],
    width: int,
    height: int,
) -> Room:
    """Lay seats out on a staggered grid and hang cameras on the front wall that see them all."""
    half_width = (columns - 1) / 2 * COLUMN_PITCH_M + (_STAGGER_M if rows > 1 else 0) + _EDGE_M
    first_row_m = max(2 * half_width * _FOCAL_OF_WIDTH, _NEAREST_ROW_M)
    # Close to the camera, a high one would look down on heads too steeply.
    hung_m = min(_CAMERA_HEIGHT_M, NECK_HEIGHT_M + 0.10 + 0.27 * first_row_m)
    seats = [
        Seat(f"{chr(ord('A') + row)}{column + 1}", _neck(row, column, columns, rows, first_row_m))
        for row in range(rows)
        for column in range(columns)
    ]
    middle_m = first_row_m + (rows - 1) * ROW_PITCH_M / 2
    cameras = tuple(
        Camera(
            id=f"{room_id}-{index + 1}",
            position_m=(offset, hung_m, 0.0),
            target_m=(0.0, hung_m - 0.17 * middle_m, -middle_m),
            focal_px=_FOCAL_OF_WIDTH * width,
            width=width,
            height=height,
        )
        for index, offset in enumerate(camera_offsets_m)
    )
    return Room(room_id, name, tuple(seats), cameras)


def demo_rooms() -> tuple[Room, ...]:
    """The demo's school: two rooms of 12 seats, one of them seen by two cameras."""
    return (
        build_room(
            "room-a", "Room A (simulated)", rows=3, columns=4,
            camera_offsets_m=(0.4,), width=1280, height=720,
        ),
        build_room(
            "room-b", "Room B (simulated)", rows=3, columns=4,
            camera_offsets_m=(-0.6, 0.7), width=1280, height=720,
        ),
    )  # fmt: skip


def small_room(room_id: str = "room-s") -> Room:
    """A cheap room for tests: six seats in a small picture, faces as large as in the demo."""
    return build_room(
        room_id, "Small room (simulated)", rows=2, columns=3,
        camera_offsets_m=(0.3,), width=960, height=540,
    )  # fmt: skip


def _neck(
    row: int, column: int, columns: int, rows: int, first_row_m: float
) -> tuple[float, float, float]:
    stagger = 0.0 if rows == 1 else _STAGGER_M * (1 if row % 2 else -1)
    x = (column - (columns - 1) / 2) * COLUMN_PITCH_M + stagger
    return x, NECK_HEIGHT_M + row * _TIER_M, -(first_row_m + row * ROW_PITCH_M)


def _axes(towards: Floats, up: Floats) -> Floats:
    """(3, 3) orthonormal rows right, up, towards."""
    z = towards / math.hypot(*towards)
    x = _cross(up, z)
    x /= math.hypot(*x)
    return np.array([x, _cross(z, x), z])


def _cross(a: Floats, b: Floats) -> Floats:
    # numpy's own takes ten times as long for single vectors, and every frame needs hundreds.
    (a0, a1, a2), (b0, b1, b2) = a.tolist(), b.tolist()
    return np.array([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0])
