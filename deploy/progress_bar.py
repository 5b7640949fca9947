"""The bar of long work that counts: how much is done, of how much, and how long it will take."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn


def counting(console: Console, *, hidden: bool = False) -> Progress:
    """A bar that goes when the work is over; none where nobody looks on."""
    return Progress(
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=hidden or not console.is_terminal,
    )
