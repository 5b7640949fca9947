"""Which of several known directions counts."""

from __future__ import annotations

from typing import Final

from aggregator.calibration.plane import polygon_centre
from aggregator.calibration.state import (
    CAMERA,
    CameraCalibration,
    SeatCalibration,
    direction_of,
)
from schemas.room_plan import CameraPlan, Direction

_NOTHING: Final = SeatCalibration()


def front_directions(
    camera: CameraPlan, known: CameraCalibration | None = None
) -> dict[str, Direction | None]:
    """The calibration of every seat of a camera, and of "" for any other place.

    What a person said wins over what was measured, a seat's own over its camera's, and the site
    file over the command line: seat of the site file, seat by command, camera of the site file,
    camera by command, seat as measured, camera as measured.

    Args:
        camera: as planned; its seats are those that hold now.
        known: what the room has measured or was told by command.
    """
    seats = known.seats if known is not None else {}
    whole = seats.get(CAMERA, _NOTHING)
    by_hand = camera.calibration or direction_of(whole.command)
    fronts = {CAMERA: by_hand or direction_of(whole.measured)}
    for seat in camera.seats:
        own = seats.get(seat.label, _NOTHING)
        if own.centre is not None and own.was_redrawn(polygon_centre(seat.polygon)):
            own = _NOTHING
        fronts[seat.label] = seat.calibration or _front(own, by_hand, fronts[CAMERA])
    for label in seats.keys() - fronts.keys():  # found, not drawn
        fronts[label] = _front(seats[label], by_hand, fronts[CAMERA])
    return fronts


def _front(
    own: SeatCalibration, by_hand: Direction | None, whole: Direction | None
) -> Direction | None:
    return direction_of(own.command) or by_hand or direction_of(own.measured) or whole
