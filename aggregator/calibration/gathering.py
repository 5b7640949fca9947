"""Second by second: the looks of everybody who sits somewhere, as evidence for calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aggregator.calibration.state import CAMERA, MAX_CAMERA_SEATS, CalibrationState, SeatCalibration
from aggregator.cameras import Sighting
from aggregator.claims import Sight

# In these most of the time is spent facing the front (SCORE §2); seatwork would teach the desk.
TELLING_ACTIVITIES: Final = frozenset({"lecture", "unknown"})


def gather(
    state: CalibrationState, sightings: Mapping[str, Sequence[Sighting]], activity: str
) -> None:
    """Enter one second of a meeting.

    Args:
        state: of the room.
        sightings: what each camera knows of each place; keys are seat labels, or CAMERA_ID#NUMBER
            for a place without a name.
        activity: what the class does.
    """
    if activity not in TELLING_ACTIVITIES:
        return
    for key in sorted(sightings):
        for sighting in sightings[key]:
            if sighting.direction is None or sighting.sight != Sight.SEEN:
                continue
            seat = _seat(state, sighting.camera_id, key)
            if seat is not None and seat.looks.is_due():
                seat.looks.add(*sighting.direction)


def _seat(state: CalibrationState, camera_id: str, key: str) -> SeatCalibration | None:
    camera = state.camera(camera_id)
    if (seat := camera.seats.get(key)) is not None:
        return seat
    label = CAMERA if key.startswith(f"{camera_id}#") else key
    if label not in camera.seats and len(camera.seats) >= MAX_CAMERA_SEATS:
        return None
    return camera.seat(label)
