"""Directions that come from outside: set through the command line, or kept in the database."""

from __future__ import annotations

import math

from aggregator.calibration.angles import shifted
from aggregator.calibration.state import (
    MAX_CAMERA_SEATS,
    CalibrationState,
    CameraCalibration,
    Known,
    SeatCalibration,
    centres_of,
)
from aggregator.calibration.telling import untold
from aggregator.rows import Rows
from schemas.messages import CalibrationSet, RoomPlan
from schemas.room_plan import CameraPlan, Direction, SeatDirection


def apply_commands(
    state: CalibrationState, due: list[CalibrationSet], plan: RoomPlan, second: int
) -> Rows:
    """Directions that a person set hold from `second` on.

    Args:
        state: of the room.
        due: in order.
        plan: in force.
        second: the one that is finalised.
    """
    rows: Rows = []
    for camera in plan.cameras:
        sets = [message for message in due if message.camera_id == camera.camera_id]
        if not sets:
            continue
        known = state.camera(camera.camera_id)
        for direction in (each for message in sets for each in message.directions):
            _set(known, camera, direction)
        rows += untold(known, camera, plan.room_id, second)
    return rows


def _set(known: CameraCalibration, camera: CameraPlan, wanted: SeatDirection) -> None:
    if not (math.isfinite(wanted.yaw_deg) and math.isfinite(wanted.pitch_deg)):
        return
    if wanted.label not in known.seats and len(known.seats) >= MAX_CAMERA_SEATS:
        return
    seat = known.seat(wanted.label)
    yaw, pitch = shifted((wanted.yaw_deg, wanted.pitch_deg), (0.0, 0.0))
    direction = Direction(yaw_deg=yaw, pitch_deg=pitch, method="manual")
    seat.command = Known(direction, "command", None, wanted.n or None)
    seat.centre = centres_of(camera).get(wanted.label)
    seat.moved, seat.stale = None, False


def adopt_stored(state: CalibrationState, plan: RoomPlan) -> None:
    """Go on with what the database holds, where the room itself knows nothing of a camera.

    That is so when the room is new, or its state was lost.
    """
    for camera in plan.cameras:
        stored = [each for each in plan.calibrations if each.camera_id == camera.camera_id]
        if not stored or state.camera(camera.camera_id).knows_directions:
            continue
        centres = centres_of(camera)
        for each in stored:
            seat = state.camera(camera.camera_id).seat(each.label)
            _keep(seat, each.direction)
            seat.centre = centres.get(each.label)


def _keep(seat: SeatCalibration, direction: Direction) -> None:
    by_hand = direction.method == "manual"
    known = Known(direction, "command" if by_hand else "measured")
    if by_hand:
        seat.command = known
    else:
        seat.measured = known
    seat.told = known
