"""Single angles; `aggregator.score` has the same for arrays."""

from __future__ import annotations

import math
from collections.abc import Iterable

Pose = tuple[float, float]  # yaw, pitch [deg]


def wrapped_deg(angle_deg: float) -> float:
    """The same angle in [-180, 180)."""
    return (angle_deg + 180.0) % 360.0 - 180.0


def distance_deg(one: Pose, other: Pose) -> float:
    """Between two directions, in the plane of yaw and pitch, as SCORE §1 measures."""
    return math.hypot(wrapped_deg(one[0] - other[0]), one[1] - other[1])


def shift(before: Pose, after: Pose) -> Pose:
    """From one direction to another."""
    return wrapped_deg(after[0] - before[0]), after[1] - before[1]


def shifted(pose: Pose, by: Pose) -> Pose:
    """A direction, moved; to 0.01 degrees, like all that is stored."""
    yaw = wrapped_deg(round(pose[0] + by[0], 2))
    return round(yaw, 2), round(pose[1] + by[1], 2)


def middle_yaw_deg(yaws_deg: Iterable[float]) -> float:
    """The circular mean."""
    radians = [math.radians(yaw) for yaw in yaws_deg]
    return math.degrees(math.atan2(sum(map(math.sin, radians)), sum(map(math.cos, radians))))
