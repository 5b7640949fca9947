"""Which seat plan holds: a camera may have several, each from a local day on.

The plan changes between meetings only: a meeting that runs past midnight keeps the one it began
with.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from schemas.messages import RoomPlan
from schemas.room_plan import CameraPlan

_BLOCK_S: Final = 900  # no zone's day begins in the middle of a quarter of an hour


def plan_in_force(plan: RoomPlan, second: int) -> RoomPlan:
    """The room's plan with the seats that hold on the local day of `second`.

    Args:
        plan: as the site file has it.
        second: Unix time: of the meeting's begin, or now where there is no meeting.
    """
    if not any(camera.seat_plans for camera in plan.cameras):
        return plan
    day = local_day(plan.time_zone, second)
    cameras = tuple(camera_in_force(camera, day) for camera in plan.cameras)
    return msgspec.structs.replace(plan, cameras=cameras)


def local_day(time_zone: str, second: int) -> str:
    """The local date of a second, like "2027-03-01"."""
    return _day_of_block(time_zone, second // _BLOCK_S)


@lru_cache(maxsize=64)
def _day_of_block(time_zone: str, block: int) -> str:
    at = dt.datetime.fromtimestamp(block * _BLOCK_S, ZoneInfo(time_zone))
    return at.date().isoformat()


@lru_cache(maxsize=1024)
def camera_in_force(camera: CameraPlan, day: str) -> CameraPlan:
    """A camera with the seats that hold on a local day."""
    seats = camera.seats
    for dated in camera.seat_plans:  # sorted by their days
        if dated.valid_from <= day:
            seats = dated.seats
    return msgspec.structs.replace(camera, seats=seats, seat_plans=())
