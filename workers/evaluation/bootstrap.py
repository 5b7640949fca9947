"""How sure a figure is: percentile bootstrap over pictures, or over persons.

Source: B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", 1993, §13.3. Whole groups
are drawn with replacement, because the faces of one picture, and the pictures of one person, are
alike. With fewer than about ten groups the interval is itself uncertain, and too narrow; with
fewer than five none is told. A share of exactly 0 or 1 gets an interval without width: with n
examples the truth may be about 3 / n away.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Statistic = Callable[[Doubles], Doubles]
"""Weights (N,) of the examples, how often each was drawn, to K figures."""

LEVEL = 0.95
MIN_GROUPS = 5


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval.

    Attributes:
        value: on all examples; NaN where there are none.
        low: 2.5 % of the resampled figures lie below.
        high: 2.5 % lie above.
        n: examples behind it.
    """

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """A way to resample.

    Attributes:
        resamples: how often; 0 gives intervals of NaN.
        seed: the same seed draws the same groups.
    """

    resamples: int = 1000
    seed: int = 7

    def estimate(self, statistic: Statistic, groups: Sequence[str]) -> list[Estimate]:
        """Return the statistic's K figures with their intervals.

        Args:
            statistic: of the examples' weights.
            groups: (N,) the group of each example.
        """
        n = len(groups)
        value = statistic(np.ones(n))
        names, group_of = np.unique(np.asarray(groups), return_inverse=True)
        if len(names) < MIN_GROUPS or not self.resamples:
            return [Estimate(v, float("nan"), float("nan"), n) for v in value.tolist()]
        drawn = self._draw(statistic, group_of)
        low, high = _quantiles(drawn)
        return [
            Estimate(v, a, b, n)
            for v, a, b in zip(value.tolist(), low.tolist(), high.tolist(), strict=True)
        ]

    def _draw(self, statistic: Statistic, group_of: NDArray[np.intp]) -> Doubles:
        random = np.random.default_rng(self.seed)
        n_groups = int(group_of.max()) + 1
        rows = []
        for _ in range(self.resamples):
            drawn = random.integers(0, n_groups, n_groups)
            counts = np.bincount(drawn, minlength=n_groups).astype(np.float64)
            rows.append(statistic(counts[group_of]))
        return np.stack(rows)


def _quantiles(rows: Doubles) -> tuple[Doubles, Doubles]:
    """Quantiles of each column (R, K), without the resamples that have no such figure (NaN)."""
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.full(rows.shape[1], np.nan), np.full(rows.shape[1], np.nan)
    for k in range(rows.shape[1]):
        known = rows[np.isfinite(rows[:, k]), k]
        if len(known):
            low[k], high[k] = np.quantile(known, (tail, 1.0 - tail))
    return low, high
