"""Which pictures go through the networks together: one size, one plan, few batch sizes."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from schemas.analysis import DetectionPlan

PIXELS: Final = 16 * 1920 * 1080
"""Pixels in one batch: 16 pictures in 1080p. The networks' widest layers take about 50 bytes for
each, so 1.7 GB."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Pictures of one size and one plan.

    Attributes:
        places: their numbers in the caller's list.
        height: [px].
        width: [px].
        plan: what the detector looks at.
    """

    places: tuple[int, ...]
    height: int
    width: int
    plan: DetectionPlan


@dataclass(slots=True)
class Limits:
    """How much goes through the networks at a time; shrinks when memory runs out, and stays small.

    Attributes:
        pixels: of pictures in one batch.
        buckets: numbers of faces for which the networks run, growing.
    """

    pixels: int
    buckets: tuple[int, ...]

    def shrink(self, todo: Sequence[Batch]) -> bool:
        """Take half as much at a time from now on; False when that is not possible.

        Args:
            todo: what is still to be done: one of its first two batches did not fit.
        """
        crowded = [batch for batch in todo if len(batch.places) > 1]
        if crowded:
            largest = max(len(batch.places) * batch.height * batch.width for batch in crowded)
            self.pixels = min(self.pixels, largest) // 2
        return self.stay_below(self.buckets[-1]) or bool(crowded)

    def stay_below(self, bucket: int) -> bool:
        """Give up this number of faces and larger ones; False when nothing would be left."""
        smaller = tuple(size for size in self.buckets if size < bucket)
        self.buckets = smaller or self.buckets
        return bool(smaller)


def batches_of(
    sizes: Sequence[tuple[int, int]], plans: Sequence[DetectionPlan], pixels: int
) -> list[Batch]:
    """Group pictures into batches of 1, 2, 4, 8, … pictures, so that shapes repeat.

    Args:
        sizes: height and width of each picture.
        plans: of each picture.
        pixels: in one batch at most; one picture is always allowed.
    """
    alike: dict[tuple[int, int, DetectionPlan], list[int]] = defaultdict(list)
    for place, ((height, width), plan) in enumerate(zip(sizes, plans, strict=True)):
        alike[height, width, plan].append(place)
    return [
        Batch(tuple(part), height, width, plan)
        for (height, width, plan), places in alike.items()
        for part in _split(places, max(1, pixels // (height * width)))
    ]


def split_again(batches: Sequence[Batch], pixels: int) -> list[Batch]:
    """Return the same pictures in batches of so many pixels."""
    return [
        Batch(tuple(part), batch.height, batch.width, batch.plan)
        for batch in batches
        for part in _split(batch.places, max(1, pixels // (batch.height * batch.width)))
    ]


def _split(places: Sequence[int], most: int) -> list[Sequence[int]]:
    """Cut into parts whose lengths are powers of two, at most `most`, the largest first."""
    parts, start = [], 0
    while start < len(places):
        size = 1 << (min(most, len(places) - start).bit_length() - 1)
        parts.append(places[start : start + size])
        start += size
    return parts
