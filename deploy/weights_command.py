"""Bodies of `facepose weights …`."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from workers import weights


def pull_with_progress(names: Sequence[str], console: Console) -> None:
    """Pull the named weights, or all of the manifest; quick when they are here."""
    chosen = list(names) or list(weights.manifest())
    with console.status("weights") as status:
        weights.pull(chosen, lambda name, step: status.update(f"weights {name}: {step}"))
    console.print(f"Weights ready: {', '.join(chosen)}", highlight=False)


def show_weights(console: Console) -> None:
    """A table of all weights that this version knows."""
    table = Table("name", "state", "MB", "licence", "origin")
    for status in weights.verify():
        entry = status.entry
        table.add_row(
            entry.name, status.state, f"{entry.bytes / 1e6:.1f}", entry.licence, entry.origin
        )
    console.print(table)
