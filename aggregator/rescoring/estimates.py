"""What a stored window or minute would have scored under other parameters (SCORE §4, T0 and T1).

T0, a window: the seconds with each label. A label's old credit times its seconds is what they
would have been worth had every head pointed right at its target with open eyes; the stored sum is
less by how far that was not so, and the new sum is taken to be less in the same proportion. A
second whose label would be another one under the new credits keeps its old label.

T1, a minute: the histogram of directions. The formula is applied to the bins' centres; what the
stored sum differs by from the old formula's (eyes, directions within their bins) is carried over.

With unchanged parameters both give the stored sum exactly. Sums are in the tables' unit: points
x 100.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aggregator.score import eye_factor
from aggregator.score_params import ScoreParams
from aggregator.windows import DIRECTION_BINS

Floats = NDArray[np.float64]
Eyes = Callable[[], float]
_FULL: Final = 10_000.0  # one second of full attention
_BIN_DEG: Final = (10.0, 15.0)
_ORIGIN_DEG: Final = -60.0


def window_sum_x(
    window: Mapping[str, Any], activity: str, old: ScoreParams, new: ScoreParams, eyes: Eyes
) -> float:
    """`sum_x` of a window under `new`.

    Args:
        window: a row of `attention_windows` under `old`.
        activity: of the class at that time.
        old: parameters of the row.
        new: parameters to recompute for.
        eyes: gives E, for seconds that the old credits gave nothing.
    """
    seconds = (window["n_front"], window["n_desk_recent"], window["n_desk_stale"])
    before = sum(n * c for n, c in zip(seconds, old.credits_of(activity), strict=True))
    after = sum(n * c for n, c in zip(seconds, new.credits_of(activity), strict=True))
    if before > 0:
        sum_x = window["sum_x"] * after / before
    elif after > 0:
        sum_x = window["sum_x"] + _FULL * after * eyes()
    else:
        sum_x = window["sum_x"]
    return float(min(sum_x, _FULL * window["n_obs"]))


def eyes_of(closed: int, valid: int) -> float:
    """E of the last minute's windows."""
    return float(eye_factor(closed, valid))


class DirectionModel:
    """O of each bin of the direction histogram, under one set of parameters."""

    def __init__(self, params: ScoreParams) -> None:
        self._params = params
        self._front, self._desk = params.memberships(*bin_centres())
        self._known: dict[str, tuple[Floats, Floats]] = {}

    def sum_o(self, seconds: Floats, activity: str, recent: float) -> float:
        """Sum of O over a histogram; `recent`: share of looks that follow one to the front."""
        with_recent, without = self._bins(activity)
        return float(seconds @ (recent * with_recent + (1.0 - recent) * without))

    def front_seconds(self, seconds: Floats) -> float:
        """Seconds that count as a look to the front: its membership is at least .5."""
        return float(seconds @ (self._front >= 0.5))

    def _bins(self, activity: str) -> tuple[Floats, Floats]:
        if activity not in self._known:
            front, recent, stale = self._params.credits_of(activity)
            by_front = front * self._front
            self._known[activity] = (
                np.maximum(by_front, recent * self._desk),
                np.maximum(by_front, stale * self._desk),
            )
        return self._known[activity]


def minute_sum_x(
    minute: Mapping[str, Any],
    activity: str,
    old: DirectionModel,
    new: DirectionModel,
    recent: float,
    eyes: Eyes = lambda: 1.0,
) -> float:
    """`sum_x` of a minute under the parameters of `new`.

    Args:
        minute: a row of `attention_minutes` under the parameters of `old`.
        activity: of the class in that minute.
        old: of the row.
        new: to recompute for.
        recent: share of the looks to the desk that follow a recent one to the front.
        eyes: gives E, for a minute to which the old formula gave nothing.
    """
    seconds = histogram(minute)
    before = _FULL * old.sum_o(seconds, activity, recent)
    after = _FULL * new.sum_o(seconds, activity, recent)
    stored = float(minute["sum_x"])
    factor = min(stored / before, 1.0) if before > 0 else eyes()
    sum_x = stored + factor * (after - before)
    return float(min(max(sum_x, 0.0), _FULL * minute["n_obs"]))


def histogram(minute: Mapping[str, Any]) -> Floats:
    """(72,) seconds in each bin of directions."""
    stored = minute["direction_hist"]
    if stored is None:
        return np.zeros(DIRECTION_BINS[0] * DIRECTION_BINS[1])
    return np.frombuffer(bytes(stored), np.uint8).astype(np.float64)


def bin_centres() -> tuple[Floats, Floats]:
    """(72,) dy and dp of each bin [deg], in the histogram's order."""
    dy, dp = (
        _ORIGIN_DEG + width * (np.arange(count) + 0.5)
        for width, count in zip(_BIN_DEG, DIRECTION_BINS, strict=True)
    )
    return np.repeat(dy, len(dp)), np.tile(dp, len(dy))
