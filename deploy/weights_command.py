"""Bodies of `facepose weights …`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from workers import weights
from workers.analyzer import Device, prepare_networks

DEFAULT_NAMES: Final = tuple(weights.needed())


def pull_with_progress(
    names: Sequence[str], device: Device, console: Console, *, all_weights: bool = False
) -> None:
    """Pull the named weights, or those that the defaults need, or all; quick when they are here."""
    chosen = list(weights.manifest()) if all_weights else list(names or DEFAULT_NAMES)
    with console.status("weights") as status:
        weights.pull(chosen, lambda name, step: status.update(f"weights {name}: {step}"))
        console.print(f"Weights ready: {', '.join(chosen)}", highlight=False)
        if set(DEFAULT_NAMES) <= set(chosen):
            status.update("preparing the networks for this machine (once)")
            prepare_networks(device)
            console.print("Networks ready.")


def show_weights(console: Console) -> None:
    """A table of all weights that this version knows."""
    table = Table("name", "state", "needed", "MB", "licence", "origin")
    for status in weights.verify():
        entry = status.entry
        table.add_row(
            entry.name,
            status.state,
            "optional" if entry.optional else "by default",
            f"{entry.bytes / 1e6:.1f}",
            entry.licence,
            entry.origin,
        )
    console.print(table)
