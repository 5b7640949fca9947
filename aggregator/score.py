"""The attention score AS-1: head direction against what the activity asks for, and open eyes.

Pure formulas of `SCORE.md` §1; degrees, yaw + = image right, pitch + = up. Expression, identity,
sex and age are no inputs. What a person did before (recent looks to the front, eyes) is in
`cells.py`; sums over time are in `windows.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntEnum
from statistics import median
from typing import Final

import msgspec

from schemas.messages import Direction

SCORE_VERSION: Final = 1
RECENT_S: Final = 60  # a look to the front stays "recent" that long
MIN_QUALITY: Final = 0.1  # below, a face was seen but cannot be judged
MIN_FUSED_QUALITY: Final = 0.3  # a camera below does not take part in the fusion
EAR_FALLBACK: Final = 0.20
EAR_SHARE: Final = 0.65  # closed below this share of the person's own open level
MIN_OPEN_LEVEL_CELLS: Final = 60
MIN_EYE_CELLS: Final = 20
UNKNOWN_ACTIVITY_FACTOR: Final = 0.7


class Label(IntEnum):
    """What a head was turned to; the order settles ties."""

    FRONT = 0
    DESK_RECENT = 1
    DESK_STALE = 2
    PEER = 3
    AWAY = 4


class Reason(IntEnum):
    """Why a second or a window has no score (`missing_reason`)."""

    NONE = 0
    CAMERA_DOWN = 1
    FACE_NOT_FOUND = 2
    OUT_OF_SEAT = 3
    LOW_QUALITY = 4
    NO_CALIBRATION = 5
    CONSENT = 6
    NOT_SCORED_ACTIVITY = 7
    LATE_DATA = 8
    NOT_ANALYSED = 9


# Credit of front, desk after a recent look to the front, desk without one.
_CREDIT: Final[dict[str, tuple[float, float, float]]] = {
    "lecture": (1.0, 0.8, 0.4),
    "unknown": (1.0, 0.8, 0.4),
    "seatwork": (0.8, 1.0, 1.0),
    "exam": (0.8, 1.0, 1.0),
}
# `discussion` needs seat geometry that v1 does not have; scoring an exam would be proctoring.
_NOT_SCORED: Final = frozenset({"discussion", "groupwork", "break", "exam"})

PARAMS: Final = {
    "front_box_deg": [20, 10],
    "desk_box_deg": [25, 15],
    "desk_centre_deg": [0, -35],
    "membership_deg": [5, 25],
    "credit": {name: list(credit) for name, credit in _CREDIT.items()},
    "not_scored": sorted(_NOT_SCORED),
    "recent_s": RECENT_S,
    "ear": {"fallback": EAR_FALLBACK, "share": EAR_SHARE, "p0": 0.15, "span": 0.35},
    "quality": {"px0": 24, "px_span": 40, "min": MIN_QUALITY, "fused": MIN_FUSED_QUALITY},
    "unknown_activity_factor": UNKNOWN_ACTIVITY_FACTOR,
}


class Orientation(msgspec.Struct, frozen=True):
    """A head direction relative to the front, and how well it fits the two targets (0..1)."""

    dy_deg: float
    dp_deg: float
    o_front: float
    o_desk: float


def clamp(value: float, low: float, high: float) -> float:
    """`value` moved into [low, high]."""
    return min(max(value, low), high)


def wrap_deg(angle_deg: float) -> float:
    """The same angle in [-180, 180)."""
    return (angle_deg + 180.0) % 360.0 - 180.0


def membership(
    dy_deg: float, dp_deg: float, half_width_deg: float, half_height_deg: float
) -> float:
    """1 up to 5 degrees outside the box, 0 from 25 degrees, linear between."""
    distance = math.hypot(
        max(0.0, abs(dy_deg) - half_width_deg), max(0.0, abs(dp_deg) - half_height_deg)
    )
    return clamp((25.0 - distance) / 20.0, 0.0, 1.0)


def orientation(yaw_deg: float, pitch_deg: float, front: Direction) -> Orientation:
    """A camera's head direction, judged against the calibrated direction of the front."""
    dy = wrap_deg(yaw_deg - front.yaw_deg)
    dp = wrap_deg(pitch_deg - front.pitch_deg)
    return Orientation(
        dy_deg=dy,
        dp_deg=dp,
        o_front=membership(dy, dp, 20.0, 10.0),
        o_desk=membership(dy, dp + 35.0, 25.0, 15.0),
    )


def is_scored(activity: str) -> bool:
    """Whether version 1 gives a score during `activity`."""
    return activity not in _NOT_SCORED


def attention(activity: str, seen: Orientation, *, recent: bool) -> tuple[float, Label]:
    """O (0..1) and the label of one look; unknown activities count as `unknown`."""
    front, desk_recent, desk_stale = _CREDIT.get(activity, _CREDIT["unknown"])
    desk = (Label.DESK_RECENT, desk_recent) if recent else (Label.DESK_STALE, desk_stale)
    by_front, by_desk = front * seen.o_front, desk[1] * seen.o_desk
    best, label = (by_front, Label.FRONT) if by_front >= by_desk else (by_desk, desk[0])
    return best, label if best >= 0.2 else Label.AWAY


def eyes_can_be_judged(height_px: float, yaw_deg: float, dp_deg: float, confidence: float) -> bool:
    """Whether eye openness of such a face means anything."""
    return height_px >= 64 and abs(yaw_deg) <= 30 and dp_deg >= -20 and confidence >= 0.6


def closed_threshold(ears: Sequence[float]) -> float:
    """EAR below which this person's eyes are closed, from the valid cells of the last 5 min."""
    if len(ears) < MIN_OPEN_LEVEL_CELLS:
        return EAR_FALLBACK
    ordered = sorted(ears)
    return EAR_SHARE * median(ordered[len(ordered) // 2 :])


def eye_factor(closed: int, valid: int) -> float:
    """E: no penalty without evidence, falling from 15 % to 50 % closed cells in 60 s."""
    if valid < MIN_EYE_CELLS:
        return 1.0
    return 1.0 - clamp((closed / valid - 0.15) / 0.35, 0.0, 1.0)


def quality(height_px: float, confidence: float, yaw_deg: float) -> float:
    """Q (0..1) of one face: size, detector confidence, and how far it is turned away."""
    turned = abs(yaw_deg)
    view = 1.0 if turned <= 45 else max(0.5, 1.0 - 0.5 * (turned - 45.0) / 30.0)
    return clamp((height_px - 24.0) / 40.0, 0.0, 1.0) * confidence * view


def synchrony(front_shares: Sequence[float]) -> float | None:
    """Mean over seconds of |2 p - 1|, p the share of students turned to the front."""
    if not front_shares:
        return None
    return sum(abs(2.0 * share - 1.0) for share in front_shares) / len(front_shares)


def round_half_even(value: float) -> int:
    """The one rounding, at the write (Python's own: half to even)."""
    return round(value)
