"""Days on which an enrolment holds: what is stored and what the roster says become one history.

A span is half-open, `[begin, end)`; `date.min` and `date.max` stand for "ever". Nothing of the past
is taken away: a span that the roster does not hold any more ends, it is not removed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy.dialects.postgresql import Range

Span = tuple[dt.date, dt.date]

EVER_SINCE: Final = dt.date.min
FOR_EVER: Final = dt.date.max


def history(stored: Iterable[Span], wanted: Sequence[Span], closed_on: dt.date | None) -> set[Span]:
    """What is to be stored.

    Args:
        stored: spans that do not overlap each other.
        wanted: what the roster says; a stored span that overlaps one of these gives way to it.
        closed_on: the day on which the others end, unless they have ended before; None: the
            roster does not tell of them.
    """
    merged = merge(wanted)
    others = [span for span in stored if not any(_overlap(span, one) for one in merged)]
    if closed_on is not None:
        others = [(begin, min(end, closed_on)) for begin, end in others if begin < closed_on]
    return {*merged, *others}


def merge(spans: Iterable[Span]) -> list[Span]:
    """The days of any of these spans, as spans that neither overlap nor touch."""
    merged: list[Span] = []
    for begin, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def to_range(span: Span) -> Range[dt.date]:
    """For a daterange column."""
    begin, end = span
    lower = None if begin == EVER_SINCE else begin
    upper = None if end == FOR_EVER else end
    return Range(lower, upper, bounds="[)")


def from_range(stored: Range[dt.date]) -> Span:
    """Of a daterange column; PostgreSQL gives days back as `[)`."""
    return stored.lower or EVER_SINCE, stored.upper or FOR_EVER


def _overlap(one: Span, other: Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]
