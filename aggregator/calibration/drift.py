"""Whether directions moved: those of one seat, or those of a whole camera (SCORE §2, drift)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import Final

import msgspec

from aggregator.calibration.angles import Pose, wrapped_deg

MOVED_DEG: Final = 8.0  # a seat's mode that moved further is not what was calibrated
CHANGED_DEG: Final = 3.0  # less is no new version; up to 10 degrees are harmless (SCORE §3)
SETTLED_DEG: Final = 1.5  # a lesson whose mode is that near teaches nothing new
BUMPED_DEG: Final = 5.0
BUMP_MAD_DEG: Final = 3.0
MIN_BUMP_SEATS: Final = 4


class Bump(msgspec.Struct, frozen=True):
    """All seats of a camera moved together: it was the camera."""

    yaw_deg: float
    pitch_deg: float
    mad_deg: float  # median distance of the seats' shifts from their median
    odd: tuple[int, ...]  # seats that moved otherwise, by their index

    @property
    def shift_deg(self) -> float:
        """How far."""
        return math.hypot(self.yaw_deg, self.pitch_deg)


def find_bump(shifts: Sequence[Pose]) -> Bump | None:
    """The common shift of a camera's seats, if there is one.

    Args:
        shifts: of each seat's mode, yaw and pitch.
    """
    if len(shifts) < MIN_BUMP_SEATS:
        return None
    about = shifts[0][0]  # near 180 degrees, signs would differ
    yaw = wrapped_deg(about + median(wrapped_deg(dy - about) for dy, _ in shifts))
    pitch = median(dp for _, dp in shifts)
    away = [math.hypot(wrapped_deg(dy - yaw), dp - pitch) for dy, dp in shifts]
    odd = tuple(i for i, distance in enumerate(away) if distance > MOVED_DEG)
    bump = Bump(round(yaw, 2), round(pitch, 2), round(median(away), 2), odd)
    return bump if bump.shift_deg > BUMPED_DEG and bump.mad_deg < BUMP_MAD_DEG else None
