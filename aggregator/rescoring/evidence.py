"""What the windows of a lesson tell about eyes and recent looks, where they still stand."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from aggregator.rescoring.estimates import eyes_of
from aggregator.rescoring.stored_lesson import Values
from aggregator.windows import Sums

MINUTE: Final = dt.timedelta(minutes=1)
_SECOND: Final = dt.timedelta(seconds=1)


class Evidence:
    """By student and time; asked for the minutes of a student in their order."""

    def __init__(self, windows: Sequence[Values]) -> None:
        self._rows: dict[int, list[Values]] = defaultdict(list)
        self._starts: dict[int, list[dt.datetime]] = defaultdict(list)
        for row in windows:
            self._rows[row["participation_id"]].append(row)
            self._starts[row["participation_id"]].append(row["window_start"])
        self._last_front: dict[int, dt.datetime] = {}

    def eyes_at(self, window: Values) -> float:
        """E at a window, from it and those of the minute before it."""
        start = window["window_start"]
        return self._eyes(window["participation_id"], start - MINUTE + _SECOND, start + _SECOND)

    def eyes_in(self, minute: Values) -> float:
        """E of a minute; 1 without windows."""
        return self._eyes(minute["participation_id"], minute["minute"], minute["minute"] + MINUTE)

    def sums(self, minute: Values) -> Sums:
        """Over the windows of a minute, in points."""
        who, start = minute["participation_id"], minute["minute"]
        return sums_of(self._between(who, start, start + MINUTE))

    def recent(self, minute: Values, front_s: float) -> float:
        """Share of the minute's looks to the desk that follow a recent one to the front.

        Without windows: all of them where this minute or the one before has a look to the front.

        Args:
            minute: a row of `attention_minutes`.
            front_s: seconds of it that count as a look to the front.
        """
        who, start = minute["participation_id"], minute["minute"]
        before = self._last_front.get(who)
        if front_s >= 1:
            self._last_front[who] = start
        rows = self._between(who, start, start + MINUTE)
        n_recent = sum(row["n_desk_recent"] for row in rows)
        n_desk = n_recent + sum(row["n_desk_stale"] for row in rows)
        if n_desk:
            return float(n_recent / n_desk)
        was_front = before is not None and start - before <= MINUTE
        return 1.0 if front_s >= 1 or was_front else 0.0

    def _eyes(self, who: int, begin: dt.datetime, end: dt.datetime) -> float:
        rows = self._between(who, begin, end)
        return eyes_of(sum(r["eye_closed"] for r in rows), sum(r["eye_valid"] for r in rows))

    def _between(self, who: int, begin: dt.datetime, end: dt.datetime) -> list[Values]:
        starts = self._starts.get(who, [])
        return (
            self._rows[who][bisect_left(starts, begin) : bisect_left(starts, end)] if starts else []
        )


def in_proportion(
    windows: Sequence[Values], old: Sequence[Values], new: Sequence[Values]
) -> list[Values]:
    """Windows whose sums follow their minutes': not good enough to be stored, but for slow states.

    Args:
        windows: as they stand.
        old: the minutes as they stand.
        new: the same minutes, recomputed.
    """
    pairs = {
        (before["participation_id"], before["minute"]): (before, after)
        for before, after in zip(old, new, strict=True)
    }
    rows: list[Values] = []
    for row in windows:
        minute = row["window_start"].replace(second=0)
        before, after = pairs.get((row["participation_id"], minute), (row, row))
        if before["sum_x"]:
            sum_x = row["sum_x"] * after["sum_x"] / before["sum_x"]
        else:
            sum_x = after["sum_x"] * row["n_obs"] / max(after["n_obs"], 1)
        n_obs = min(row["n_obs"], after["n_obs"])
        rows.append({**row, "sum_x": min(sum_x, 10_000.0 * n_obs), "n_obs": n_obs})
    return rows


def sums_of(rows: Sequence[Values]) -> Sums:
    """Sums over windows or minutes, in points."""
    sums = Sums()
    for row in rows:
        sums.n_exp += row["n_exp"]
        sums.n_obs += row["n_obs"]
        sums.sum_x += row["sum_x"] / 100.0
        sums.sum_confidence += row["confidence"] * row["n_exp"] / 1000.0
    return sums
