"""Where a thread's processor time goes, by stage: a look at its stack every few milliseconds.

A look counts for the processor time that the thread has used since the look before, so waiting for
a server costs nothing. It counts for the innermost stage on the stack, so that libraries count for
the stage that calls them. No signal is involved: a profiling signal on its way when the sampling
ends would end a process that has no handler for it any more.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Final

INTERVAL_S: Final = 0.002
REST: Final = "rest"


class CpuSamples:
    """Divides a thread's processor time among stages.

    Args:
        stages: stage by a part of a source file's path.
    """

    def __init__(self, stages: Mapping[str, str]) -> None:
        self._stages = dict(stages)
        self._by_file: dict[str, str | None] = {}
        self._cpu_s: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look at what the calling thread does inside."""
        done = threading.Event()
        looking = threading.Thread(
            target=self._look_until, args=(done, threading.get_ident()), daemon=True
        )
        looking.start()
        try:
            yield
        finally:
            done.set()
            looking.join()

    def clear(self) -> None:
        """Begin anew."""
        self._cpu_s.clear()

    @property
    def shares(self) -> dict[str, float]:
        """Share of the time by stage, the largest first; they add up to 1."""
        total = sum(self._cpu_s.values())
        by_size = sorted(self._cpu_s.items(), key=lambda item: -item[1])
        return {stage: seconds / total for stage, seconds in by_size}

    def _look_until(self, done: threading.Event, thread: int) -> None:
        clock = time.pthread_getcpuclockid(thread)
        before = time.clock_gettime(clock)
        while not done.wait(INTERVAL_S):
            now = time.clock_gettime(clock)
            if now > before:
                frame = sys._current_frames()[thread]  # noqa: SLF001  documented, for debuggers
                self._cpu_s[self._innermost(frame)] += now - before
            before = now

    def _innermost(self, frame: FrameType | None) -> str:
        while frame is not None:
            if stage := self._stage(frame.f_code.co_filename):
                return stage
            frame = frame.f_back
        return REST

    def _stage(self, path: str) -> str | None:
        if path not in self._by_file:
            named = (stage for part, stage in self._stages.items() if part in path)
            self._by_file[path] = next(named, None)
        return self._by_file[path]
