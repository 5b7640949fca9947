"""A plane through the directions of a camera's seats (SCORE §2, step 3).

Who sits further right in the picture turns the head further to face the same board: yaw and pitch
of the front change nearly linearly over the picture. A robust plane finds the seats whose own mode
is something else than the front, and gives a direction to seats that were hardly ever taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from aggregator.calibration.angles import Pose, middle_yaw_deg, shifted, wrapped_deg
from aggregator.calibration.looks import Floats

MIN_PLANE_SEATS: Final = 4  # three would fit anything
MAX_RESIDUAL_DEG: Final = 15.0
_HUBER_DEG: Final = 3.0  # residuals below count squared, above linearly
_ROUNDS: Final = 50
_RIDGE: Final = 1e-3  # of seats in one row: no slope where nothing was seen of it
Point = tuple[float, float]  # fractions of the picture


@dataclass(frozen=True, slots=True)
class Plane:
    """yaw0 = a + b u + c v, pitch0 likewise.

    Attributes:
        coefficients: (3, 2): a, b, c of yaw and of pitch.
    """

    coefficients: Floats

    def at(self, point: Point) -> Pose:
        """The direction of the front for a seat at (u, v)."""
        yaw, pitch = np.array([1.0, *point]) @ self.coefficients
        return shifted((float(yaw), float(pitch)), (0.0, 0.0))


def fit_plane(points: Sequence[Point], poses: Sequence[Pose]) -> Plane | None:
    """The robust plane through the modes of some seats; None with too few.

    Huber's loss by iteratively reweighted least squares (Huber 1964; Holland and Welsch 1977).

    Args:
        points: centres of the seats in the picture.
        poses: their modes.
    """
    if len(points) < MIN_PLANE_SEATS:
        return None
    about = middle_yaw_deg(yaw for yaw, _ in poses)
    wanted = np.array([(wrapped_deg(yaw - about), pitch) for yaw, pitch in poses])
    middle = np.mean(points, axis=0)
    places = np.column_stack([np.ones(len(points)), np.array(points) - middle])
    weights = np.ones(len(points))
    fitted = np.zeros((3, 2))
    for _ in range(_ROUNDS):
        weighted = places * weights[:, None]
        normal = places.T @ weighted + np.diag([0.0, _RIDGE, _RIDGE])
        fitted = np.linalg.solve(normal, weighted.T @ wanted)
        residual = np.hypot(*(places @ fitted - wanted).T)
        weights = _HUBER_DEG / np.maximum(residual, _HUBER_DEG)
    fitted[0] += [about, 0.0] - middle @ fitted[1:]
    return Plane(fitted)


@lru_cache(maxsize=4096)
def polygon_centre(polygon: tuple[Point, ...]) -> Point:
    """The middle of a seat's region, as the mean of its corners."""
    n = len(polygon)
    return sum(x for x, _ in polygon) / n, sum(y for _, y in polygon) / n
