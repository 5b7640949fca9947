"""What was measured, as JSON for programs and as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from deploy.bench.peers import OURS, SEED, Comparison, ratios
from deploy.bench.sweep import BatchResult
from schemas.analysis import PRECISIONS


@dataclass(frozen=True, slots=True)
class Setting:
    """What was measured on: words for the head of the report."""

    device: str
    engine: str
    precision: str
    models: str
    machine: str
    load_average: float
    threads: int
    size: tuple[int, int]
    scene: str


def as_json(
    setting: Setting, results: Sequence[BatchResult], comparison: Comparison | None
) -> dict[str, Any]:
    """Return the report; `batch` to `stage_ms` at the top are the fastest batch size's."""
    best = max(results, key=lambda result: result.frames_per_s)
    report = {**asdict(setting), **asdict(best), "sweep": [asdict(result) for result in results]}
    if comparison is not None:
        report["peers"] = {name: asdict(result) for name, result in comparison.results.items()}
        report["absent"] = comparison.absent
        report["ratios"] = {ours: ratios(comparison.results, ours) for ours in OURS}
        report["ratio"] = report["ratios"][f"ours_{setting.precision}"]
    return report


def print_report(
    console: Console,
    setting: Setting,
    results: Sequence[BatchResult],
    comparison: Comparison | None,
) -> None:
    """Print the tables."""
    width, height = setting.size
    console.print(f"{setting.machine}; load {setting.load_average:.1f}", highlight=False)
    console.print(
        f"{setting.device}, {setting.engine}, {setting.precision}, threads: {setting.threads}; "
        f"{setting.models}; {width} x {height} px, {setting.scene}",
        highlight=False,
    )
    console.print(_sweep_table(results))
    if comparison is not None:
        console.print(_peers_table(comparison))
        for name, why in comparison.absent.items():
            console.print(f"absent: {name}: {why}", highlight=False)


def _sweep_table(results: Sequence[BatchResult]) -> Table:
    table = Table(title="Medians; times are milliseconds for one frame", title_justify="left")
    table.add_column("frames at once")
    for result in results:
        table.add_column(str(result.batch), justify="right")
    table.add_row("frames/s", *(f"{r.frames_per_s:.2f}" for r in results))
    table.add_row("faces/s", *(f"{r.faces_per_s:.0f}" for r in results))
    table.add_row("faces found", *(f"{r.faces_per_frame:.1f}" for r in results))
    table.add_row("ms", *(f"{r.frame_ms:.1f}" for r in results))
    table.add_row("quartiles", *(_span(r.frame_ms_quartiles) for r in results), end_section=True)
    for stage in results[0].stage_ms:
        table.add_row(stage, *(f"{r.stage_ms[stage]:.1f}" for r in results))
    return table


def _span(quartiles: tuple[float, float]) -> str:
    return "–".join(f"{value:.0f}" for value in quartiles)


def _peers_table(comparison: Comparison) -> Table:
    table = Table(
        title="From JPEG to faces, on one core in turn; ×: how many times faster we are, by "
        "processor time",
        title_justify="left",
    )
    table.add_column("")
    for heading in ("faces", "ms", "quartiles", "cpu ms", *(f"× {p}" for p in PRECISIONS)):
        table.add_column(heading, justify="right", no_wrap=True)
    by_ours = [ratios(comparison.results, ours) for ours in OURS]
    for name, result in comparison.results.items():
        table.add_row(
            f"{name}, a face" if name == SEED else name,
            f"{result.faces:.0f}",
            f"{result.ms:.0f}",
            _span(result.ms_quartiles),
            f"{result.cpu_ms:.0f}",
            *(f"{ratio[name]:.2f}" if name in ratio else "" for ratio in by_ours),
        )
    return table
