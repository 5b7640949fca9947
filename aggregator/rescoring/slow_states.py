"""The slow states of a lesson's students, replayed over recomputed scores.

Over windows where these still stand, else over minutes, which is coarser.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from aggregator.rescoring.class_shifts import ClassShifts
from aggregator.rescoring.stored_lesson import Activities
from aggregator.score import EXAM
from aggregator.windows import Display, State, Sums

Values = dict[str, Any]
_MINUTE_S: Final = 60


class SlowStates:
    """Each student's state after each window or minute.

    Args:
        steps: recomputed windows, or minutes, by time.
        shifts: when the class as a whole had turned away: no falls of single students.
        activities: of the lesson; an exam tells no states.
    """

    def __init__(
        self, steps: Sequence[Values], shifts: ClassShifts, activities: Activities
    ) -> None:
        self._activities = activities
        self._after: dict[int, list[tuple[dt.datetime, State]]] = defaultdict(list)
        self._low: dict[int, tuple[int, int]] = {}
        displays: dict[int, Display] = defaultdict(Display)
        for row in steps:
            start, length = _span(row)
            who, display = row["participation_id"], displays[row["participation_id"]]
            before = display.state
            state = display.update(int(start.timestamp()), length, _score(row))
            self._after[who].append((start + dt.timedelta(seconds=length), state))
            if state == State.LOW and not self._is_exam(row):
                low_s, events = self.low(who)
                entered = before != State.LOW and not shifts.at(who, start)
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
            known = at[who] and not self._is_exam(row)
            state = after[at[who] - 1][1] if known else State.UNKNOWN
            done.append({**row, "state": int(state)})
        return done

    def _is_exam(self, row: Values) -> bool:
        start, length = _span(row)
        return EXAM in self._activities.within(start, start + dt.timedelta(seconds=length))


def _span(row: Values) -> tuple[dt.datetime, int]:
    """Start and length of a window or minute."""
    if "window_start" in row:
        return row["window_start"], int(row["window_s"])
    return row["minute"], _MINUTE_S


def _score(row: Values) -> float | None:
    return Sums(n_exp=row["n_exp"], n_obs=row["n_obs"], sum_x=row["sum_x"] / 100.0).score
