"""Where a camera sees its seats: polygons, asked for many points at once.

Bounding boxes for all points and seats in one go, the exact polygon only for what is left: a point
lies in one or two boxes of thirty.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.room_plan import SeatPlan
from schemas.wire_types import Point

_REMEMBERED: Final = 1024  # plans; a process holds some hundred cameras


class Region(msgspec.Struct, frozen=True):
    """A polygon in fractions of the picture."""

    polygon: tuple[Point, ...]
    x: float  # centre
    y: float
    w: float
    h: float
    is_box: bool  # then its bounding box says all

    @classmethod
    def of(cls, seat: SeatPlan) -> Region:
        """The region of a planned seat."""
        xs, ys = [x for x, _ in seat.polygon], [y for _, y in seat.polygon]
        return cls(
            polygon=seat.polygon,
            x=(min(xs) + max(xs)) / 2,
            y=(min(ys) + max(ys)) / 2,
            w=max(xs) - min(xs),
            h=max(ys) - min(ys),
            is_box=_is_box(seat.polygon),
        )

    def distance(self, x: float, y: float) -> float:
        """From the centre, in sizes of the region."""
        return float(np.hypot((x - self.x) / self.w, (y - self.y) / self.h))

    def contains(self, x: float, y: float) -> bool:
        """Even-odd rule; the bounding box first, it is cheap."""
        if abs(x - self.x) > self.w / 2 or abs(y - self.y) > self.h / 2:
            return False
        inside = False
        previous = self.polygon[-1]
        for point in self.polygon:
            (x0, y0), (x1, y1) = previous, point
            if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
                inside = not inside
            previous = point
        return inside


class Regions:
    """The regions of one camera's plan, by label.

    Args:
        seats: the plan in force.
    """

    def __init__(self, seats: Sequence[SeatPlan]) -> None:
        self.by_label = {seat.label: Region.of(seat) for seat in seats}
        self._labels = list(self.by_label)
        boxes = [(r.x, r.y, r.w / 2, r.h / 2) for r in self.by_label.values()]
        self._boxes: NDArray[np.float64] = np.array(boxes).reshape(-1, 4).T

    def at(self, xs: Sequence[float], ys: Sequence[float]) -> list[list[str]]:
        """The labels of the seats at each point, in the plan's order."""
        hits: list[list[str]] = [[] for _ in xs]
        x, y, half_w, half_h = self._boxes
        near = np.abs(np.array(xs)[:, None] - x) <= half_w
        near &= np.abs(np.array(ys)[:, None] - y) <= half_h
        for i, j in zip(*(index.tolist() for index in near.nonzero()), strict=True):
            label = self._labels[j]
            region = self.by_label[label]
            if region.is_box or region.contains(xs[i], ys[i]):
                hits[i].append(label)
        return hits


def _is_box(polygon: Sequence[Point]) -> bool:
    """Whether a polygon is a rectangle along the picture's edges."""
    if len(polygon) != 4:
        return False
    corners = {(x, y) for x, _ in polygon for _, y in polygon}
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = polygon
    sides = (x0 == x1 and y1 == y2 and x2 == x3) or (y0 == y1 and x1 == x2 and y2 == y3)
    return sides and corners == set(polygon)


@lru_cache(maxsize=_REMEMBERED)
def regions_of(seats: tuple[SeatPlan, ...]) -> Regions:
    """The regions of a plan; worked out once for each plan."""
    return Regions(seats)
