"""How far a replay is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ingest.recording.replay import ReplayProgress

PLAIN_EVERY_S: Final = 30.0
_SPEED_OVER_S: Final = 30.0


class ReplayBar(AbstractContextManager["ReplayBar"]):
    """Shows a replay's progress on a console.

    Args:
        console: where.
        length_s: of the film; 0: not known.
        skipped_s: what an earlier attempt had done of it.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        console: Console,
        length_s: float,
        skipped_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._length_s = length_s
        self._skipped_s = skipped_s
        self._clock = clock
        self._began_s = clock()
        self._plain_at_s = self._began_s
        self._bar = Progress(
            TextColumn("{task.fields[told]}"),
            BarColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            speed_estimate_period=_SPEED_OVER_S,
        )
        self._task = self._bar.add_task(
            "film", total=length_s or None, completed=int(skipped_s), told="waiting for a worker"
        )

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, progress: ReplayProgress) -> None:
        """Bring the bar up to date; a line every half minute where there is no terminal."""
        told = self.told(progress)
        done_s = min(progress.film_s, self._length_s or progress.film_s)
        self._bar.update(self._task, completed=done_s, told=told)
        if not self._console.is_terminal and self._clock() >= self._plain_at_s:
            self._plain_at_s = self._clock() + PLAIN_EVERY_S
            self._console.print(told, markup=False, highlight=False, soft_wrap=True)

    def told(self, progress: ReplayProgress) -> str:
        """The same as a sentence."""
        total = f" of {clock_time(self._length_s)}" if self._length_s else ""
        parts = [
            f"{clock_time(progress.film_s)}{total}",
            f"{self.times_real_time(progress):.1f} x real time",
            f"{progress.waiting} frames wait",
        ]
        if progress.trouble:
            parts.append(progress.trouble)
        return ", ".join(parts)

    def times_real_time(self, progress: ReplayProgress) -> float:
        """Film time over wall time since this attempt began."""
        passed_s = max(self._clock() - self._began_s, 1e-3)
        return max(0.0, progress.film_s - self._skipped_s) / passed_s


def clock_time(seconds: float) -> str:
    """`1:02:03`, or `02:03` below an hour."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"
