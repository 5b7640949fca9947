"""The classes of face size and of yaw by which every figure is also told."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bin:
    """Values from `low` up to, not including, `high`."""

    name: str
    low: float
    high: float

    def holds(self, values: Doubles) -> NDArray[np.bool_]:
        """Which of the values (N,) it holds; never NaN."""
        inside: NDArray[np.bool_] = (values >= self.low) & (values < self.high)
        return inside


HEIGHTS = (
    Bin("height < 20 px", 0, 20),
    Bin("height 20–40 px", 20, 40),
    Bin("height 40–80 px", 40, 80),
    Bin("height 80–160 px", 80, 160),
    Bin("height ≥ 160 px", 160, float("inf")),
)
"""Of the labelled box; the found one where the set has no boxes. 20, 40 and 80 px are about a back
row, a middle row and a front row of a classroom in 1080p."""

PITCHES = (
    Bin("|pitch| < 30°", 0, 30),
    Bin("|pitch| 30–60°", 30, 60),
    Bin("|pitch| ≥ 60°", 60, float("inf")),
)

YAWS = (
    Bin("|yaw| < 30°", 0, 30),
    Bin("|yaw| 30–60°", 30, 60),
    Bin("|yaw| ≥ 60°", 60, float("inf")),
)
"""AFLW2000's usual three (X. Zhu et al., 2016); ranges above 99° are left out by the readers."""
