"""Several cameras, one student: fusing what each saw in the same second (SCORE §1, "Cell")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from aggregator.score import MIN_FUSED_QUALITY


class Rated(Protocol):
    """Anything with a quality."""

    @property
    def quality(self) -> float:
        """0..1."""
        ...


V = TypeVar("V", bound=Rated)


def usable_views(views: Sequence[V]) -> list[V]:
    """The views that take part: all with q >= .3, else the best one alone (first of equals)."""
    good = [view for view in views if view.quality >= MIN_FUSED_QUALITY]
    return good or ([max(views, key=lambda view: view.quality)] if views else [])


def weighted_mean(pairs: Sequence[tuple[float, float]]) -> float:
    """sum(q * value) / sum(q) over (q, value); the plain mean when every q is 0."""
    total = sum(weight for weight, _ in pairs)
    if total <= 0.0:
        return sum(value for _, value in pairs) / len(pairs)
    return sum(weight * value for weight, value in pairs) / total
