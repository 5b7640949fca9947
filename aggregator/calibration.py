"""Which direction is the front, for a camera and a seat.

Manual calibration from the site file; the seat's own wins over its camera's. Automatic
calibration (SCORE §2) writes the same `Direction`s and needs no change here.
"""

from __future__ import annotations

from schemas.messages import CameraPlan, Direction


def front_directions(camera: CameraPlan) -> dict[str, Direction | None]:
    """The calibration of every planned seat of a camera, and of "" for any other place."""
    fronts: dict[str, Direction | None] = {
        seat.label: seat.calibration or camera.calibration for seat in camera.seats
    }
    fronts[""] = camera.calibration
    return fronts
