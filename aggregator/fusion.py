"""Several cameras, one student: fusing what each saw in the same second (SCORE §1, "Cell")."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, groupby
from operator import itemgetter
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from aggregator.score import MIN_FUSED_QUALITY, MIN_QUALITY, Bools, Floats, Ints


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


def kept_by_clock(student: Ints, quality: Floats, clock_off: Bools, calibrated: Bools) -> Ints:
    """`by_one_clock` for the views of many students: indices of those that are kept.

    Args:
        student: (V,) the student of each view; each one's lie together.
        quality: (V,)
        clock_off: (V,)
        calibrated: (V,)
    """
    usable = (calibrated & (quality >= MIN_QUALITY)).tolist()
    views = map(_View, count(), quality.tolist(), clock_off.tolist(), usable)
    kept = [
        view.place
        for _, group in groupby(zip(student.tolist(), views, strict=False), key=itemgetter(0))
        for view in by_one_clock([view for _, view in group])
    ]
    return np.array(sorted(kept), np.int64)


def taking_part(quality: Floats, rated: Bools, student: Ints, n: int) -> Bools:
    """(V,) the views that take part: all with q >= .3, else the best one alone (first of equals).

    Args:
        quality: (V,)
        rated: (V,) whether a view can take part at all.
        student: (V,) rising; each of the `n` students has a view.
        n: students.
    """
    good = rated & (quality >= MIN_FUSED_QUALITY)
    lone = np.bincount(student, good, n) == 0.0
    if lone.any():
        best = first_largest(np.where(rated, quality, -1.0), student, n)[lone]
        good[best] = rated[best]
    return good


def fused(quality: Floats, value: Floats, student: Ints, n: int) -> Floats:
    """(N,) sum(q * value) / sum(q) of every student; 0 where every q is 0."""
    total = np.bincount(student, quality, n)
    mean: Floats = np.bincount(student, quality * value, n) / np.where(total > 0.0, total, 1.0)
    return mean


def first_largest(values: Floats, student: Ints, n: int) -> Ints:
    """(N,) index of the largest value of every student, the first of equals."""
    starts = np.searchsorted(student, np.arange(n))
    largest = np.maximum.reduceat(values, starts)
    index = np.where(values == largest[student], np.arange(len(values)), len(values))
    first: Ints = np.minimum.reduceat(index, starts)
    return first


class _View(NamedTuple):
    place: int
    quality: float
    clock_off: bool
    usable: bool
