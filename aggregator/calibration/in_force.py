"""Which of several known directions counts."""

from __future__ import annotations

from aggregator.calibration.state import (
    CAMERA,
    CameraCalibration,
    SeatCalibration,
    centres_of,
    direction_of,
)
from schemas.messages import CameraPlan, Direction


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
    nothing = SeatCalibration()
    whole = seats.get(CAMERA, nothing)
    by_hand = camera.calibration or direction_of(whole.command)
    measured = direction_of(whole.measured)
    drawn = {seat.label: seat.calibration for seat in camera.seats}
    centres = centres_of(camera)

    def front(label: str) -> Direction | None:
        own = seats.get(label, nothing)
        if own.was_redrawn(centres.get(label)):
            own = nothing
        return (
            drawn.get(label)
            or direction_of(own.command)
            or by_hand
            or direction_of(own.measured)
            or measured
        )

    return {label: front(label) for label in {**drawn, **seats, CAMERA: None}}
