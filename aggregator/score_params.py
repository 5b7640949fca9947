"""The constants of a score version, as data: version 1's are built in, others stand in files.

A file names only what differs from version 1. What the stored history cannot tell anew (how recent
a look to the front was, eyes, face quality) may not differ: such a version has to be measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from aggregator.errors import ScoreParamsError
from aggregator.score import PARAMS

Floats = NDArray[np.float64]
Angle = Annotated[float, msgspec.Meta(ge=-180, le=180)]
Width = Annotated[float, msgspec.Meta(ge=0, le=180)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_MERGED: Final = ("credit", "ear", "quality")  # one entry may be changed without the others
_MEASURED: Final = ("recent_s", "ear", "quality")
_GEOMETRY: Final = ("front_box_deg", "desk_box_deg", "desk_centre_deg", "membership_deg")


class ScoreParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """Constants of the formula of SCORE §1; degrees, seconds, shares."""

    front_box_deg: tuple[Width, Width]  # half width, half height
    desk_box_deg: tuple[Width, Width]
    desk_centre_deg: tuple[Angle, Angle]
    membership_deg: tuple[Width, Width]  # full up to so far outside of the box, none from there
    credit: dict[str, tuple[Share, Share, Share]]  # front, desk recent, desk stale
    not_scored: tuple[str, ...]  # activities
    recent_s: float
    ear: dict[str, float]
    quality: dict[str, float]
    unknown_activity_factor: Share

    def __post_init__(self) -> None:
        """Refuse what no formula can be made of."""
        full, none = self.membership_deg
        if full >= none:
            raise ValueError(f"membership_deg: {full} must be less than {none}")
        if "unknown" not in self.credit:
            raise ValueError("credit: `unknown` is missing")

    def credits_of(self, activity: str) -> tuple[float, float, float]:
        """Credit of front, desk after a recent look to the front, desk without one."""
        return self.credit.get(activity, self.credit["unknown"])

    def is_scored(self, activity: str) -> bool:
        """Whether this version gives a score during `activity`."""
        return activity not in self.not_scored

    def confidence_factor(self, activity: str) -> float:
        """What not knowing the activity leaves of the confidence."""
        return self.unknown_activity_factor if activity == "unknown" else 1.0

    def memberships(self, dy_deg: Floats, dp_deg: Floats) -> tuple[Floats, Floats]:
        """Of the front and the desk, 0..1, for head directions relative to the front."""
        dy0, dp0 = self.desk_centre_deg
        front = self._membership(dy_deg, dp_deg, self.front_box_deg)
        return front, self._membership(dy_deg - dy0, dp_deg - dp0, self.desk_box_deg)

    def _membership(self, dy: Floats, dp: Floats, box: tuple[float, float]) -> Floats:
        full, none = self.membership_deg
        distance = np.hypot(np.maximum(abs(dy) - box[0], 0.0), np.maximum(abs(dp) - box[1], 0.0))
        share: Floats = np.clip((none - distance) / (none - full), 0.0, 1.0)
        return share

    @cached_property
    def as_dict(self) -> dict[str, Any]:
        """As registered: numbers are floats, whatever the file wrote."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        return values


AS_1: Final = msgspec.convert(PARAMS, ScoreParams)


def params_from(changes: Mapping[str, Any]) -> ScoreParams:
    """Version 1 with changes.

    Raises:
        ScoreParamsError: an unknown key, a value out of its bounds, or a constant that stored
            history cannot be recomputed with.
    """
    merged: dict[str, Any] = dict(PARAMS)
    for key, value in changes.items():
        if key in _MERGED and isinstance(value, Mapping):
            value = {**merged[key], **value}  # noqa: PLW2901  the entry with its changes
        merged[key] = value
    try:
        params = msgspec.convert(merged, ScoreParams)
    except msgspec.ValidationError as exc:
        raise ScoreParamsError(f"these are no parameters of AS-1: {exc}") from exc
    _refuse_unmeasured(params)
    return params


def changes_geometry(old: ScoreParams, new: ScoreParams) -> bool:
    """Whether directions are judged differently, not only credited differently."""
    return any(getattr(old, name) != getattr(new, name) for name in _GEOMETRY)


def _refuse_unmeasured(params: ScoreParams) -> None:
    changed = [name for name in _MEASURED if getattr(params, name) != getattr(AS_1, name)]
    if changed:
        raise ScoreParamsError(
            f"{', '.join(changed)}: stored history does not tell what other values would have "
            "given; only boxes, membership, credits and activities can be changed"
        )
    gained = sorted(set(AS_1.not_scored) - set(params.not_scored))
    if gained:
        raise ScoreParamsError(
            f"not_scored: lessons of {', '.join(gained)} were not scored, so nothing is stored "
            "from which a score could be computed"
        )
