"""The slow states of a lesson's students, replayed over recomputed scores.

Over windows where these still stand, else over minutes, which is coarser. Whether the class as a
whole had turned away is known per second only while a lesson is held: here it is taken from the
labels of the windows of the last 20 s.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from aggregator.people import MIN_CLASS, SHIFT_S, SHIFT_SHARE
from aggregator.windows import Display, State, Sums

Values = dict[str, Any]
_MINUTE_S: Final = 60


class SlowStates:
    """Each student's state after each window or minute.

    Args:
        steps: recomputed windows, or minutes, by time.
        shifts: starts of windows at whose end the class as a whole had turned away.
    """

    def __init__(self, steps: Sequence[Values], shifts: set[dt.datetime]) -> None:
        self._after: dict[int, list[tuple[dt.datetime, State]]] = defaultdict(list)
        self._low: dict[int, tuple[int, int]] = {}
        displays: dict[int, Display] = defaultdict(Display)
        for row in steps:
            start, length = _span(row)
            who, display = row["participation_id"], displays[row["participation_id"]]
            before = display.state
            state = display.update(int(start.timestamp()), length, _score(row))
            self._after[who].append((start + dt.timedelta(seconds=length), state))
            if state == State.LOW:
                low_s, events = self.low(who)
                entered = before != State.LOW and start not in shifts
                self._low[who] = (low_s + row["n_exp"], events + entered)

    def low(self, who: int) -> tuple[int, int]:
        """Seconds in state LOW, and how often it was entered."""
        return self._low.get(who, (0, 0))

    def told_in(self, rows: Sequence[Values]) -> list[Values]:
        """The rows with the state after the last step that ends by their end; they come by time."""
        at: dict[int, int] = defaultdict(int)
        done: list[Values] = []
        for row in rows:
            who, (start, length) = row["participation_id"], _span(row)
            after, end = self._after[who], start + dt.timedelta(seconds=length)
            while at[who] < len(after) and after[at[who]][0] <= end:
                at[who] += 1
            state = after[at[who] - 1][1] if at[who] else State.UNKNOWN
            done.append({**row, "state": int(state)})
        return done


def class_shifts(windows: Sequence[Values]) -> set[dt.datetime]:
    """Starts of windows in which, and in those of 20 s before, few of the class faced the front."""
    front: dict[dt.datetime, int] = defaultdict(int)
    observed: dict[dt.datetime, int] = defaultdict(int)
    students: dict[dt.datetime, int] = defaultdict(int)
    lengths: dict[dt.datetime, int] = {}
    for row in windows:
        start = row["window_start"]
        front[start] += row["n_front"]
        observed[start] += row["n_obs"]
        students[start] += row["n_obs"] > 0
        lengths[start] = row["window_s"]
    away = {
        start
        for start, seconds in observed.items()
        if students[start] >= MIN_CLASS and front[start] < SHIFT_SHARE * seconds
    }
    return {
        start
        for start in away
        if all(
            start - dt.timedelta(seconds=back) in away for back in range(0, SHIFT_S, lengths[start])
        )
    }


def _span(row: Values) -> tuple[dt.datetime, int]:
    """Start and length of a window or minute."""
    if "window_start" in row:
        return row["window_start"], int(row["window_s"])
    return row["minute"], _MINUTE_S


def _score(row: Values) -> float | None:
    return Sums(n_exp=row["n_exp"], n_obs=row["n_obs"], sum_x=row["sum_x"] / 100.0).score
