"""The attention score AS-1: head direction against what the activity asks for, and open eyes.

Pure formulas of `SCORE.md` §1; degrees, yaw + = image right, pitch + = up. Each works on one number
or on arrays of them, element by element. Expression, identity, sex and age are no inputs. What a
person did before is in `cells.py` (looks to the front) and `eyes.py`; sums over time are in
`windows.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Numbers = float | Floats

SCORE_VERSION: Final = 1
RECENT_S: Final = 60  # a look to the front stays "recent" that long
MIN_QUALITY: Final = 0.1  # below, a face was seen but cannot be judged
MIN_CREDIT: Final = 0.2  # less than this is `away`
MIN_FUSED_QUALITY: Final = 0.3  # a camera below does not take part in the fusion
EAR_FALLBACK: Final = 0.20
EAR_SHARE: Final = 0.65  # closed below this share of the person's own open level
MIN_OPEN_LEVEL_CELLS: Final = 60
MIN_EYE_CELLS: Final = 20
EXAM: Final = "exam"  # counts for the class's coverage, and for nothing else
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
_NOT_SCORED: Final = frozenset({"discussion", "groupwork", "break", EXAM})

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


class Orientation(NamedTuple):
    """A head direction relative to the front, and how well it fits the two targets (0..1)."""

    dy_deg: Floats
    dp_deg: Floats
    o_front: Floats
    o_desk: Floats


class Front(Protocol):
    """Directions of the front: one (a `Direction`), or one for each head."""

    @property
    def yaw_deg(self) -> Numbers:
        """As the camera sees it."""
        ...

    @property
    def pitch_deg(self) -> Numbers:
        """As the camera sees it."""
        ...


def clamp(value: float, low: float, high: float) -> float:
    """`value` moved into [low, high]."""
    return min(max(value, low), high)


def wrap_deg(angle_deg: Numbers) -> Floats:
    """The same angles in [-180, 180)."""
    return (np.asarray(angle_deg) + 180.0) % 360.0 - 180.0


def membership(
    dy_deg: Numbers, dp_deg: Numbers, half_width_deg: float, half_height_deg: float
) -> Floats:
    """1 up to 5 degrees outside the box, 0 from 25 degrees, linear between."""
    beside = np.maximum(np.abs(dy_deg) - half_width_deg, 0.0)
    above = np.maximum(np.abs(dp_deg) - half_height_deg, 0.0)
    distance = np.hypot(beside, above)
    return _share((25.0 - distance) / 20.0)


def orientation(yaw_deg: Numbers, pitch_deg: Numbers, front: Front) -> Orientation:
    """A camera's head directions, judged against the calibrated direction of the front."""
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


def attention(activity: str, seen: Orientation, *, recent: bool | Bools) -> tuple[Floats, Ints]:
    """O (0..1) and the label of each look; unknown activities count as `unknown`."""
    front, desk_recent, desk_stale = _CREDIT.get(activity, _CREDIT["unknown"])
    by_front = front * seen.o_front
    by_desk = np.where(recent, desk_recent, desk_stale) * seen.o_desk
    best: Floats = np.maximum(by_front, by_desk)
    desk = np.where(recent, int(Label.DESK_RECENT), int(Label.DESK_STALE))
    label: Ints = np.where(by_front >= by_desk, int(Label.FRONT), desk)
    return best, np.where(best >= MIN_CREDIT, label, int(Label.AWAY))


def eyes_can_be_judged(
    height_px: Numbers,
    yaw_deg: Numbers,
    dp_deg: Numbers,
    confidence: Numbers,
) -> Bools:
    """Whether eye openness of such faces means anything."""
    big, turned = np.greater_equal(height_px, 64.0), np.less_equal(np.abs(yaw_deg), 30.0)
    can: Bools = big & turned & np.greater_equal(dp_deg, -20.0) & np.greater_equal(confidence, 0.6)
    return can


def closed_threshold(ears: Sequence[float]) -> float:
    """EAR below which this person's eyes are closed, from the valid cells of the last 5 min."""
    ordered = np.sort(np.asarray([*ears, np.inf], float))
    return float(closed_thresholds(ordered[None, :], np.array([len(ears)]))[0])


def closed_thresholds(ordered: NDArray[Any], n: Ints, *, unit: float = 1.0) -> Floats:
    """The same for P people at once.

    Args:
        ordered: (P, T) EARs of their cells, ascending, in 1/unit; T >= 1.
        n: (P,) how many of each row are EARs; the rest, behind them, is not.
        unit: what an EAR of 1 is in `ordered`.
    """
    row, first, length = np.arange(len(n)), n // 2, n - n // 2  # the upper half
    low = ordered[row, np.maximum(first + (length - 1) // 2, 0)] / unit
    high = ordered[row, first + length // 2 - (length == 0)] / unit
    return np.where(n >= MIN_OPEN_LEVEL_CELLS, EAR_SHARE * ((low + high) / 2), EAR_FALLBACK)


def eye_factor(closed: int | Ints, valid: int | Ints) -> Floats:
    """E: no penalty without evidence, falling from 15 % to 50 % closed cells in 60 s."""
    share = closed / np.maximum(valid, 1)
    return np.where(np.less(valid, MIN_EYE_CELLS), 1.0, 1.0 - _share((share - 0.15) / 0.35))


def quality(height_px: Numbers, confidence: Numbers, yaw_deg: Numbers) -> Floats:
    """Q (0..1) of faces: size, detector confidence, and how far they are turned away."""
    turned = np.maximum(np.abs(yaw_deg) - 45.0, 0.0)
    view = np.maximum(1.0 - 0.5 * turned / 30.0, 0.5)
    q: Floats = _share((np.asarray(height_px) - 24.0) / 40.0) * confidence * view
    return q


def _share(value: Floats) -> Floats:
    """Moved into [0, 1]."""
    share: Floats = np.minimum(np.maximum(value, 0.0), 1.0)
    return share


def synchrony(front_shares: Sequence[float]) -> float | None:
    """Mean over seconds of |2 p - 1|, p the share of students turned to the front."""
    if not front_shares:
        return None
    return sum(abs(2.0 * share - 1.0) for share in front_shares) / len(front_shares)


def round_half_even(value: float) -> int:
    """The one rounding, at the write (Python's own: half to even)."""
    return round(value)
