"""What a recording has become: the figures of its lesson."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from deploy.replay.history import History
from deploy.replay.progress import clock_time
from ingest.recording.replay import ReplayProgress


def show_summary(
    console: Console,
    history: History,
    progress: ReplayProgress | None = None,
    *,
    dead: int = 0,
    times_real_time: float | None = None,
) -> None:
    """Print the table.

    Args:
        console: where.
        history: of a recording that is complete.
        progress: of the replay that has just ended; None: nothing was sent.
        dead: frames that nobody could analyse.
        times_real_time: how fast it was.
    """
    row = history.summary()
    table = Table(title=f"Recording {history.request.run_id}", show_header=False)
    table.add_row("room", history.request.room.id)
    table.add_row("from", history.request.start.isoformat(" ", "seconds"))
    if progress is not None:
        refused = progress.refused + dead
        table.add_row("frames", f"{progress.sent} sent, {refused} not usable")
    if row is not None:
        table.add_row("length", clock_time(float(str(row.length_s))))
        table.add_row("students", f"{row.students}, {row.scored} with a score")
        table.add_row("windows kept", f"{row.windows} (class minutes: {row.minutes})")
        table.add_row("coverage", f"{row.coverage / 10:.0f} %")
        mean = "none" if row.score_mean is None else f"{row.score_mean / 100:.1f}"
        table.add_row("mean score", mean if row.quality == "ok" else f"{mean} ({row.quality})")
    if times_real_time is not None:
        table.add_row("speed", f"{times_real_time:.1f} x real time")
    console.print(table)
