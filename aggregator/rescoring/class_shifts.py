"""Whether the class as a whole had turned away when a student's state became LOW.

While a lesson is held this is known per second. Of a stored one the labels of the last 20 s of
windows tell it roughly, and how many of a student's falls counted as an event tells it for those
falls exactly: so unchanged scores give unchanged events.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from aggregator.people import MIN_CLASS, SHIFT_S, SHIFT_SHARE
from aggregator.windows import State

Values = dict[str, Any]


class ClassShifts:
    """Of one lesson.

    Args:
        windows: as they stand, by time, with their old states.
        participations: summaries as they stand.
    """

    def __init__(self, windows: Sequence[Values], participations: Sequence[Values] = ()) -> None:
        self._shares = front_shares(windows)
        self._known: dict[tuple[int, dt.datetime], bool] = {}
        falls = _falls(windows)
        for row in participations:
            who = row["participation_id"]
            mine = sorted(falls.get(who, []), key=self._share)
            for n, start in enumerate(mine):
                self._known[who, start] = n < len(mine) - row["low_events"]

    def at(self, who: int, start: dt.datetime) -> bool:
        """Whether the class had turned away at the end of the window that begins at `start`."""
        return self._known.get((who, start), self._share(start) < SHIFT_SHARE)

    def _share(self, start: dt.datetime) -> float:
        return self._shares.get(start, 1.0)


def front_shares(windows: Sequence[Values]) -> dict[dt.datetime, float]:
    """By window: the largest share of the class that faced the front in the 20 s up to its end.

    Windows of too few students, and those before which one is missing, are left out.
    """
    rows: dict[dt.datetime, list[Values]] = defaultdict(list)
    for row in windows:
        if row["n_obs"]:
            rows[row["window_start"]].append(row)
    shares = {
        start: sum(row["n_front"] for row in each) / sum(row["n_obs"] for row in each)
        for start, each in rows.items()
        if len(each) >= MIN_CLASS
    }
    largest: dict[dt.datetime, float] = {}
    for start in shares:
        steps = range(0, SHIFT_S, rows[start][0]["window_s"])
        last = [start - dt.timedelta(seconds=back) for back in steps]
        if all(each in shares for each in last):
            largest[start] = max(shares[each] for each in last)
    return largest


def _falls(windows: Sequence[Values]) -> dict[int, list[dt.datetime]]:
    """By student: the windows after which the stored state became LOW."""
    falls: dict[int, list[dt.datetime]] = defaultdict(list)
    before: dict[int, int] = {}
    for row in windows:
        who = row["participation_id"]
        if row["state"] == State.LOW != before.get(who):
            falls[who].append(row["window_start"])
        before[who] = row["state"]
    return falls
