"""A report as tables for people."""

import math
from collections.abc import Iterator, Mapping

from rich import box
from rich.console import Console
from rich.table import Table

from workers.evaluation.bootstrap import Estimate
from workers.evaluation.report import Confusion, Report

_UNREADABLE_SHOWN = 10


def show_report(report: Report, console: Console) -> None:
    """Print counts, figures with their 95 % intervals, the confusion table and the notes."""
    console.print(f"{report.task} on {report.format}", style="bold", highlight=False)
    for name, value in {**report.models, **report.settings}.items():
        console.print(f"  {name}: {value}", highlight=False, markup=False)
    console.print("  " + ", ".join(f"{n} {name}" for name, n in report.counts.items()))
    for table in _tables(report.groups):
        console.print(table)
    if report.confusion is not None:
        console.print(_confusion_table(report.confusion))
    for note in report.notes:
        style = "yellow" if note.startswith("WARNING") else "dim"
        console.print(f"· {note}", style=style, highlight=False, markup=False)


def show_unreadable(report: Report, console: Console) -> None:
    """Print which pictures could not be read."""
    for entry in report.unreadable[:_UNREADABLE_SHOWN]:
        console.print(f"{entry.path}: {entry.reason}", style="red", markup=False, soft_wrap=True)
    more = len(report.unreadable) - _UNREADABLE_SHOWN
    if more > 0:
        console.print(f"… and {more} more pictures that could not be read", style="red")


def _tables(groups: Mapping[str, Mapping[str, Estimate]]) -> Iterator[Table]:
    """Yield a table for each kind of group: those with the same measures stand together."""
    kinds: dict[tuple[str, ...], list[str]] = {}
    for group, measures in groups.items():
        kinds.setdefault(tuple(measures), []).append(group)
    for names, members in kinds.items():
        known = [m for m in names if any(math.isfinite(groups[g][m].value) for g in members)]
        table = _table("", *known, "n")
        for group in members:
            cells = [_cell(groups[group][measure]) for measure in known]
            table.add_row(group, *cells, str(groups[group][names[0]].n))
        yield table


def _table(first: str, *others: str) -> Table:
    """Return a table narrow enough for 80 columns, numbers to the right."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _cell(estimate: Estimate) -> str:
    """Format a figure with its interval below it, or a dash."""
    if not math.isfinite(estimate.value):
        return "–"
    numbers = (estimate.value, estimate.low, estimate.high)
    value, low, high = (_number(number, estimate.value) for number in numbers)
    return f"{value}\n[dim]{low}–{high}[/dim]" if math.isfinite(estimate.low) else value


def _number(number: float, like: float) -> str:
    """Format a number: three digits of a share or a normalised error, one of what is larger."""
    text = f"{number:.3f}" if abs(like) <= 1 else f"{number:.1f}"
    return text[1:] if text.startswith("0.") else text


def _confusion_table(confusion: Confusion) -> Table:
    table = _table("labelled", *confusion.answered)
    table.title = "answered"
    for name, row in zip(confusion.labelled, confusion.counts, strict=True):
        if any(row):
            table.add_row(name, *(str(n) if n else "·" for n in row))
    return table
