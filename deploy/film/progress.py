"""The progress bar of a film: how much is done, how fast, and how long it still takes."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_SPEED_OVER_S = 10.0


class _FrameRate(ProgressColumn):
    """Frames a second, over the last ten seconds."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f} frames/s", style="progress.data.speed")


def film_progress(
    console: Console, expected_frames: int | None
) -> tuple[Progress, Callable[[], None]]:
    """Return a bar on `console`, and what to call after each frame.

    Where the console is no terminal, nothing is shown.
    """
    progress = Progress(
        TextColumn("{task.completed} frames"),
        BarColumn(),
        TaskProgressColumn(),
        _FrameRate(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        speed_estimate_period=_SPEED_OVER_S,
    )
    task = progress.add_task("film", total=expected_frames)
    return progress, lambda: progress.advance(task)
