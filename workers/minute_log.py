"""One line a minute about the worker's work, out of its own counters."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

import structlog

from workers.metrics import WorkerMetrics

EVERY_S: Final = 60.0

_log = structlog.get_logger(__name__)


class MinuteLog:
    """Says what changed in the counters since its last line.

    Args:
        metrics: the worker's counters.
        monotonic: seconds that only grow.
    """

    def __init__(
        self, metrics: WorkerMetrics, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._metrics = metrics
        self._monotonic = monotonic
        self._due_s = monotonic() + EVERY_S
        self._before = self._totals()

    def tell_if_due(self) -> None:
        """Write the line when a minute has passed."""
        if self._monotonic() < self._due_s:
            return
        self._due_s = self._monotonic() + EVERY_S
        totals = self._totals()
        last_minute = totals - self._before
        self._before = totals
        _log.info(
            "One more minute of work",
            action="worker_minute",
            analysed=last_minute["analysed"],
            expired=last_minute["expired"],
            dead=last_minute["dead"],
            refused=last_minute["refused"],
            reclaimed=last_minute["reclaimed"],
            faces=last_minute["faces"],
        )

    def _totals(self) -> Counter[str]:
        """Frames by outcome, faces and reclaimed frames since the start."""
        totals: Counter[str] = Counter()
        for family in (self._metrics.frames, self._metrics.faces, self._metrics.reclaimed):
            for metric in family.collect():
                for sample in metric.samples:
                    if sample.name.endswith("_total"):
                        plain = metric.name.removeprefix("facepose_worker_")
                        totals[sample.labels.get("outcome", plain)] += int(sample.value)
        return totals
