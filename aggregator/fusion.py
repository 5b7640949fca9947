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


class Timed(Rated, Protocol):
    """A view that knows what its second is worth."""

    @property
    def clock_off(self) -> bool:
        """Whether its time may not be compared with another view's."""
        ...

    @property
    def usable(self) -> bool:
        """Whether it can be scored at all."""
        ...


V = TypeVar("V", bound=Rated)
T = TypeVar("T", bound=Timed)


def by_one_clock(views: Sequence[T]) -> list[T]:
    """The views that show the same second: fusion is off for cameras whose clock is off.

    All with a good clock, when one of them is usable; else the best usable one whose clock is off,
    alone (first of equals).
    """
    good = [view for view in views if not view.clock_off]
    off = [view for view in views if view.clock_off]
    if not off or any(view.usable for view in good):
        return good
    usable = [view for view in off if view.usable]
    if good and not usable:
        return good
    return [max(usable or off, key=lambda view: view.quality)]


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
