"""How long each stage of the analysis takes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class StageClock:
    """A `workers.stages.StageTimer` that adds up the milliseconds spent in each stage."""

    def __init__(self) -> None:
        self._ms: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time what is done inside."""
        start_ns = time.perf_counter_ns()
        try:
            yield
        finally:
            self._ms[stage] += (time.perf_counter_ns() - start_ns) / 1e6

    def take(self) -> dict[str, float]:
        """Return the milliseconds by stage since the last call, and begin anew."""
        taken = dict(self._ms)
        self._ms.clear()
        return taken
