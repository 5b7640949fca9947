"""The bar of `facepose bench history`: filling a year takes minutes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

from deploy.bench.history import Progress as Told


@contextmanager
def shown(console: Console) -> Iterator[Told]:
    """Show what is told, until the end."""
    with Progress(console=console, transient=True) as bars:
        bar = bars.add_task("starting", total=None)

        def tell(what: str, done: int, total: int) -> None:
            bars.update(bar, description=what, completed=done, total=total)

        yield tell
