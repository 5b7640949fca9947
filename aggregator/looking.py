"""What all cameras of a room know about each place in one second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aggregator.calibration.in_force import front_directions
from aggregator.cameras import CameraState, Sighting
from aggregator.claims import Sight
from aggregator.room_state import RoomState
from schemas.messages import FrameFaces, RoomPlan
from schemas.room_plan import CameraPlan


def look(
    state: RoomState, second: int, plan: RoomPlan, analysed: Mapping[str, Sequence[FrameFaces]]
) -> dict[str, list[Sighting]]:
    """Track a second's faces in every camera; who is where, by seat or place.

    Args:
        state: of the room.
        second: the one that is finalised.
        plan: in force.
        analysed: its frames by camera, in order.
    """
    use_places = not any(camera.seats for camera in plan.cameras)
    sightings: dict[str, list[Sighting]] = {}
    for camera in sorted(plan.cameras, key=_mask_bit):
        frames = analysed[camera.camera_id]
        looked = state.cameras[camera.camera_id].look(
            second,
            camera,
            frames,
            front_directions(camera, state.calibration.cameras.get(camera.camera_id)),
            use_places=use_places,
            proposed=state.proposals.cameras.get(camera.camera_id, ()),
        )
        for key, seen in looked.items():
            sightings.setdefault(key, []).append(seen)
        if state.meeting is not None and frames and frames[-1].model_version:
            state.meeting.model_version = frames[-1].model_version
    for label, seen_by in sightings.items():
        _release_if_left(state.cameras, label, seen_by)
    return sightings


def _release_if_left(
    cameras: Mapping[str, CameraState], label: str, seen_by: Sequence[Sighting]
) -> None:
    """Who was seen to leave in one camera is not waited for in another."""
    sights = {sighting.sight for sighting in seen_by}
    if Sight.OUT in sights and Sight.SEEN not in sights:
        for sighting in seen_by:
            if sighting.sight == Sight.LOST:
                cameras[sighting.camera_id].seats.release(label)


def _mask_bit(camera: CameraPlan) -> int:
    return camera.mask_bit
