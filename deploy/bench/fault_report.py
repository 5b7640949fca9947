"""What `facepose bench faults` saw, as JSON, as a table for people and as one for the docs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from deploy.bench.fault_figures import (
    FaultFigures,
    HealthyFigures,
    fault_figures,
    healthy_figures,
)
from deploy.bench.faults import CameraRecord, FaultTimes
from deploy.bench.machine import describe_cpu, load_average

HEADINGS: Final = ("fault", "noticed", "causes told", "first retry", "back after", "frames lost")


class FaultReport:
    """All figures of one run.

    Args:
        records: of all cameras.
        times: how long the faults lasted.
    """

    def __init__(self, records: Sequence[CameraRecord], times: FaultTimes) -> None:
        self.times = times
        self.faults = [fault_figures(record) for record in records if not record.is_healthy]
        self.healthy = [healthy_figures(record) for record in records if record.is_healthy]

    def as_json(self) -> dict[str, Any]:
        """One object."""
        return {
            "faults": [asdict(each) for each in self.faults],
            "healthy": [asdict(each) for each in self.healthy],
            "setting": {
                **asdict(self.times),
                "machine": describe_cpu(),
                "load_average": load_average(),
            },
        }

    def as_markdown(self) -> str:
        """A table for a page of the documentation."""
        lines = [_row(HEADINGS), _row(["---"] * len(HEADINGS))]
        lines += [_row(_cells(each, described=True)) for each in self.faults]
        lines += ["", *(f"{_told(each)}." for each in self.healthy)]
        return "\n".join(lines)

    def print(self, console: Console) -> None:
        """Print the table."""
        console.print(f"{describe_cpu()}; load {load_average():.1f}", highlight=False)
        title = f"All at once for {self.times.fault_s:.0f} s; times in seconds"
        table = Table(title=title, title_justify="left")
        for heading in HEADINGS:
            table.add_column(heading, justify="left" if heading in HEADINGS[:1] else "right")
        for each in self.faults:
            table.add_row(*_cells(each, described=False))
        console.print(table)
        for healthy in self.healthy:
            console.print(_told(healthy), highlight=False)


def _cells(figures: FaultFigures, *, described: bool) -> list[str]:
    return [
        f"`{figures.fault}`: {figures.description.rstrip('.')}" if described else figures.fault,
        _seconds(figures.noticed_s),
        ", ".join(figures.causes) or "–",
        _seconds(figures.retry_s),
        _seconds(figures.back_s),
        str(figures.lost),
    ]


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _told(figures: HealthyFigures) -> str:
    return (
        f"{figures.camera}, without a fault: its rate changed by {figures.change_percent:+.2f} %, "
        f"{figures.lost} sampled frames lost"
    )
