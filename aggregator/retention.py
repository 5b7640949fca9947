"""Which rows are still worth writing: those of last term's windows would be dropped at once."""

from __future__ import annotations

import datetime as dt
from typing import Final

import msgspec

from aggregator.rows import (
    AttentionMinuteRow,
    AttentionWindowRow,
    ExpressionMinuteRow,
    Row,
    Rows,
)
from schemas.site_retention import Retention


class KeptFrom(msgspec.Struct, frozen=True):
    """The oldest rows that are kept, in seconds of Unix time; 0: all.

    What is older was rolled up before it comes here: minutes, class minutes and summaries hold its
    sums.
    """

    windows: int = 0
    student_minutes: int = 0

    def kept(self, rows: Rows) -> Rows:
        """The rows without those that are too old."""
        return [row for row in rows if self._is_kept(row)]

    def _is_kept(self, row: Row) -> bool:
        if isinstance(row, AttentionWindowRow):
            return row.window_start >= self.windows
        if isinstance(row, AttentionMinuteRow | ExpressionMinuteRow):
            return row.minute >= self.student_minutes
        return True


ALL_KEPT: Final = KeptFrom()


def kept_from(retention: Retention, now: dt.datetime) -> KeptFrom:
    """What is kept at `now` (aware): whole UTC days, as partitions are dropped."""
    today = now.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def first(days: int) -> int:
        return max(0, int((today - dt.timedelta(days=days)).timestamp()))

    return KeptFrom(first(retention.windows_days), first(retention.student_minutes_days))
