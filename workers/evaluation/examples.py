"""The examples of a run as columns, and the groups of them that figures are told for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.bins import HEIGHTS, PITCHES, YAWS
from workers.evaluation.bootstrap import Bootstrap, Estimate

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]
WeightedFigures = Callable[[Doubles, Doubles], Doubles]
"""Values (N, K) and weights (N,) to figures."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which groups a face belongs to.

    Attributes:
        group: what is resampled together.
        yaw_deg: of the label, else of the face found, else NaN.
        height_px: of the label's box, else of the one found, else NaN.
        pitch_deg: of the label; NaN where it is not told.
        part: the data set's own part; empty where it has none.
    """

    group: str
    yaw_deg: float
    height_px: float
    pitch_deg: float = float("nan")
    part: str = ""


@dataclass(slots=True)
class Examples:
    """Labelled faces in the order in which they came.

    Attributes:
        values: what was measured of each; NaN where nothing was.
        places: where each belongs.
    """

    values: list[Sequence[float]] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.places)

    def add(self, values: Sequence[float], place: Place) -> None:
        """Add one face."""
        self.values.append(values)
        self.places.append(place)

    def masks(self) -> dict[str, Flags]:
        """Return the groups that have examples: all, parts, by yaw, pitch and height."""
        masks = {"all": np.ones(len(self), bool)}
        parts = np.array([place.part for place in self.places])
        if len(names := sorted(set(parts.tolist()))) > 1:
            masks |= {name: parts == name for name in names}
        for bins, column in (
            (YAWS, [place.yaw_deg for place in self.places]),
            (PITCHES, [place.pitch_deg for place in self.places]),
            (HEIGHTS, [place.height_px for place in self.places]),
        ):
            values = np.abs(np.array(column, np.float64))
            masks |= {b.name: b.holds(values) for b in bins}
        return {name: mask for name, mask in masks.items() if mask.any() or name == "all"}

    def estimates(
        self,
        mask: Flags,
        names: Sequence[str],
        figures: WeightedFigures,
        bootstrap: Bootstrap,
        behind: Callable[[Doubles], Sequence[int]] | None = None,
    ) -> dict[str, Estimate]:
        """Return the named figures of the examples in a group.

        Args:
            mask: (N,) the group.
            names: of the figures.
            figures: how they are made.
            bootstrap: for their intervals.
            behind: values (N, K) to the number of examples behind each figure, where that is not
                all of the group.
        """
        values = np.array(self.values, np.float64).reshape(len(self), -1)[mask]
        groups = [p.group for p, inside in zip(self.places, mask, strict=True) if inside]
        estimates = bootstrap.estimate(lambda weights: figures(values, weights), groups)
        if behind is not None:
            estimates = [
                replace(estimate, n=int(n))
                for estimate, n in zip(estimates, behind(values), strict=True)
            ]
        return dict(zip(names, estimates, strict=True))
