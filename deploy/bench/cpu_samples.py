"""Where a process' processor time goes, by stage: a look at the stack every few milliseconds.

The kernel's profiling timer counts processor time of this process only, so waiting for a server
costs nothing, and what is measured needs no clocks of its own. A sample counts for the innermost
stage on the stack, so that libraries count for the stage that calls them.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Final

INTERVAL_S: Final = 0.002
REST: Final = "rest"


class CpuSamples:
    """Counts samples by stage; only the main thread of a process can have one.

    Args:
        stages: stage by a part of a source file's path.
    """

    def __init__(self, stages: Mapping[str, str]) -> None:
        self._stages = dict(stages)
        self._by_file: dict[str, str | None] = {}
        self._counts: Counter[str] = Counter()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take samples of what is done inside."""
        before = signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_S, INTERVAL_S)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            # One more may be on its way: by default it would end the process.
            signal.signal(signal.SIGPROF, signal.SIG_IGN if before == signal.SIG_DFL else before)

    def clear(self) -> None:
        """Begin anew."""
        self._counts.clear()

    @property
    def shares(self) -> dict[str, float]:
        """Share of the samples by stage, the largest first; they add up to 1."""
        total = self._counts.total()
        return {stage: count / total for stage, count in self._counts.most_common()}

    def _sample(self, _signal: int, frame: FrameType | None) -> None:
        stage = None
        while frame is not None and stage is None:
            stage = self._stage(frame.f_code.co_filename)
            frame = frame.f_back
        self._counts[stage or REST] += 1

    def _stage(self, path: str) -> str | None:
        if path not in self._by_file:
            named = (stage for part, stage in self._stages.items() if part in path)
            self._by_file[path] = next(named, None)
        return self._by_file[path]
