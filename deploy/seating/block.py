"""Seats as a block of a site file, ready to be pasted."""

from __future__ import annotations

import json
from collections.abc import Sequence

from deploy.seating.found import CameraSeats, RoomSeat


def site_file_block(room_id: str, cameras: Sequence[CameraSeats]) -> str:
    """YAML: the cameras of a room with their seats; comments tell how often each was taken."""
    lines = [f"# room {room_id}: for its `cameras` in the site file", "cameras:"]
    for camera in cameras:
        if not camera.seats:
            continue
        lines += [f"  - id: {camera.camera_id}", "    seats:"]
        lines += [f"      {_seat(seat, camera.meetings)}" for seat in camera.seats]
    return "\n".join(lines)


def _seat(seat: RoomSeat, meetings: int) -> str:
    points = ", ".join(f"[{x:g}, {y:g}]" for x, y in seat.polygon)
    label = json.dumps(seat.label) if not seat.label.isalnum() else seat.label
    text = f"{label}: {{polygon: [{points}]}}"
    if seat.taken is None:
        return text
    return f"{text}  # taken in {seat.taken} of {meetings} meeting{'s' if meetings != 1 else ''}"
