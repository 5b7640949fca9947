"""The books of a room's cameras: every frame and status of a second is entered in them."""

from __future__ import annotations

from aggregator.inbox import Second
from aggregator.room_state import RoomState
from aggregator.rows import Rows
from schemas.messages import FrameFaces, RoomPlan


def enter(
    state: RoomState, waiting: Second, second: int, plan: RoomPlan
) -> dict[str, list[FrameFaces]]:
    """Enter what came for a second; its analysed frames by camera, in order.

    Args:
        state: of the room.
        waiting: all that came for the second.
        second: the one that is finalised.
        plan: in force.
    """
    analysed = _enter_frames(state, waiting, plan)
    for status in waiting.sorted_statuses():
        if (camera := state.cameras.get(status.camera_id)) is None:
            state.count("unknown_camera")
        else:
            camera.ledger.status(second, status)
            camera.ended_at = 0 if status.state == "up" else camera.ended_at
    for end in waiting.sorted_ends():
        if (camera := state.cameras.get(end.camera_id)) is not None:
            camera.ledger.status(second, end)
            camera.ended_at = second + bool(analysed[end.camera_id])
    for camera in state.cameras.values():
        camera.ledger.settle(second, expected=not 0 < camera.ended_at <= second)
    return analysed


def camera_minutes(state: RoomState, second: int, plan: RoomPlan) -> Rows:
    """The rows of a minute that ends with `second`."""
    if (second + 1) % 60:
        return []
    return [
        state.cameras[camera.camera_id].ledger.close_minute(
            second - 59, plan.site_id, camera.camera_id, camera.analysis_fps
        )
        for camera in plan.cameras
        if state.cameras[camera.camera_id].ledger.has_news
    ]


def _enter_frames(state: RoomState, waiting: Second, plan: RoomPlan) -> dict[str, list[FrameFaces]]:
    analysed: dict[str, list[FrameFaces]] = {camera.camera_id: [] for camera in plan.cameras}
    for frame in waiting.sorted_frames():
        camera = state.cameras.get(frame.camera_id)
        if camera is None:
            state.count("unknown_camera")
        elif camera.ledger.record(frame) and frame.outcome == "analysed":
            analysed[frame.camera_id].append(frame)
            camera.ended_at = 0
    return analysed
