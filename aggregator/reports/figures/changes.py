"""Whether a period differs from those before it by more than they differ among themselves.

A change is called clear only where the figure lies outside the 95 % prediction interval of the
periods before, mean ± t s √(1 + 1/n) with their standard deviation s (Hahn and Meeker, Statistical
Intervals, section 4.8: one further observation of a normal distribution), by 2 points or more, and
on the same side of the period just before. Fewer than three earlier periods never make it clear.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Final, Literal, NamedTuple

from aggregator.reports.figures.wording import count, points

LEAST_POINTS: Final = 2.0
LEAST_PERIODS: Final = 3
MOST_PERIODS: Final = 8
# Student's t, two-sided 95 %, by degrees of freedom n - 1.
_T: Final = {2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365}

Verdict = Literal["rise", "fall", "none", "too_few", "no_figure"]


class Change(NamedTuple):
    """A figure against those of the periods before it, in points.

    Attributes:
        difference: to the period just before; None: one of both has no figure.
        low, high: what the periods before give reason to expect; None: they are too few.
        periods: how many of them have a figure.
    """

    now: float | None
    before: float | None
    difference: float | None
    low: float | None
    high: float | None
    periods: int
    verdict: Verdict


def compare(now: float | None, earlier: Sequence[float | None]) -> Change:
    """A figure against the periods before, the oldest first; the last one is just before it."""
    before = earlier[-1] if earlier else None
    known = [value for value in earlier[-MOST_PERIODS:] if value is not None]
    difference = None if now is None or before is None else now - before
    if len(known) < LEAST_PERIODS:
        verdict: Verdict = "no_figure" if now is None else "too_few"
        return Change(now, before, difference, None, None, len(known), verdict)
    middle = fmean(known)
    half = _T[len(known) - 1] * stdev(known) * math.sqrt(1 + 1 / len(known))
    half = max(half, LEAST_POINTS)
    change = Change(now, before, difference, middle - half, middle + half, len(known), "none")
    return change._replace(verdict=_verdict(change))


def change_words(change: Change, period: str) -> str:
    """A sentence about it.

    Args:
        change: against the periods before.
        period: what they are: "week" or "month".
    """
    if change.now is None:
        return f"There is no figure to compare with the {period}s before."
    if not change.periods:
        return f"No {period} before has a figure, so there is nothing to compare with."
    against = _against(change, period)
    if change.low is None:
        earlier = count(change.periods, f"earlier {period} has", f"earlier {period}s have")
        return f"{against}; only {earlier} a figure, too few to call anything a change."
    expected = (
        f"the {change.periods} {period}s before give reason to expect "
        f"{points(max(0.0, change.low))} to {points(min(100.0, change.high or 0.0))}"
    )
    clear = {"rise": "a clear rise", "fall": "a clear fall"}.get(change.verdict, "no clear change")
    return f"{against}: {clear} ({expected})."


def _against(change: Change, period: str) -> str:
    if change.difference is None:
        return f"The {period} just before has no figure"
    by = points(abs(change.difference))
    if by == points(0.0):
        return f"That is the same as in the {period} before"
    how = "higher" if change.difference > 0 else "lower"
    return f"That is {by} points {how} than in the {period} before ({points(change.before)})"


def _verdict(change: Change) -> Verdict:
    if change.now is None or change.low is None or change.high is None:
        return "no_figure"
    if change.difference is None:
        return "none"
    if change.now > change.high and change.difference > 0:
        return "rise"
    return "fall" if change.now < change.low and change.difference < 0 else "none"
