"""What `facepose bench aggregate` measured, as JSON for programs and as a table for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from deploy.bench.aggregate import AggregateOptions, AggregateRun
from deploy.bench.machine import describe_cpu, load_average
from deploy.bench.soak_report import Trend, trend

TARGET_ROOMS: Final = 200
_HOUR_S: Final = 3600


@dataclass(frozen=True, slots=True)
class AggregateReport:
    """The figures; a core's second is a second of the aggregator's own processor time.

    Attributes:
        rooms_per_core: that a core's whole time would be enough for, all stages included.
        faces_per_s: seen in observations, a core's second.
        rows_per_s: committed, a core's second.
        ms_per_room_second: processor time for a second of a room.
        stage_ms: the same by stage, from samples of the stack.
        postgres_ms_per_room_second: of the database's processes, apart.
        rooms_by_wall: that one process keeps up with here, waiting for the disk included.
        commit_ms_p50, commit_ms_p95: of one room's transaction.
        commits: that were measured.
        snapshot_kb: of a room's state, as stored.
        rss_mb: resident memory of this process, also of what makes the observations.
        kb_per_room_hour: by how much it grew, least squares over the seconds.
    """

    rooms_per_core: float
    faces_per_s: float
    rows_per_s: float
    ms_per_room_second: float
    stage_ms: dict[str, float]
    postgres_ms_per_room_second: float
    rooms_by_wall: float
    commit_ms_p50: float
    commit_ms_p95: float
    commits: int
    snapshot_kb: float
    rss_mb: float
    kb_per_room_hour: Trend


def report_of(options: AggregateOptions, run: AggregateRun) -> AggregateReport:
    """Sum the run up. Raises: BenchError when it was too short for a slope."""
    cpu_s = sum(run.cpu_s)
    room_seconds = options.rooms * len(run.cpu_s)
    ms = 1000 * cpu_s / room_seconds
    growth = trend(range(len(run.rss_kb)), run.rss_kb)
    a_room_hour = _HOUR_S / options.rooms
    return AggregateReport(
        rooms_per_core=room_seconds / cpu_s,
        faces_per_s=run.faces / cpu_s,
        rows_per_s=run.rows / cpu_s,
        ms_per_room_second=ms,
        stage_ms={stage: share * ms for stage, share in run.stages.items()},
        postgres_ms_per_room_second=1000 * run.postgres_cpu_s / room_seconds,
        rooms_by_wall=room_seconds / run.wall_s,
        commit_ms_p50=1000 * float(np.quantile(run.commit_s, 0.5)),
        commit_ms_p95=1000 * float(np.quantile(run.commit_s, 0.95)),
        commits=len(run.commit_s),
        snapshot_kb=run.snapshot_bytes / 1024,
        rss_mb=run.rss_kb[-1] / 1024,
        kb_per_room_hour=Trend(growth.slope * a_room_hour, growth.error * a_room_hour),
    )


def as_json(options: AggregateOptions, report: AggregateReport) -> dict[str, Any]:
    """One object: the figures at the top, what was done below them."""
    return {
        **asdict(report),
        "setting": {
            **asdict(options),
            "machine": describe_cpu(),
            "load_average": load_average(),
        },
    }


def print_report(console: Console, options: AggregateOptions, report: AggregateReport) -> None:
    """Print the tables."""
    console.print(f"{describe_cpu()}; load {load_average():.1f}", highlight=False)
    console.print(
        f"{options.rooms} rooms of {options.students} students at {options.fps} frames a second, "
        f"{options.seconds} s of observations",
        highlight=False,
    )
    figures = Table("figure", "value")
    growth = report.kb_per_room_hour
    for name, value in (
        ("rooms a core", f"{report.rooms_per_core:.0f} (aim: {TARGET_ROOMS})"),
        ("faces a second and core", f"{report.faces_per_s:,.0f}"),
        ("rows a second and core", f"{report.rows_per_s:,.0f}"),
        ("rooms with the waiting for commits", f"{report.rooms_by_wall:.0f}"),
        ("commit, p50 / p95", f"{report.commit_ms_p50:.1f} / {report.commit_ms_p95:.1f} ms"),
        ("a room's state, as stored", f"{report.snapshot_kb:.0f} KB"),
        ("memory of the process", f"{report.rss_mb:.0f} MB"),
        ("growth a room and hour", f"{growth.slope:+.0f} ± {growth.error:.0f} KB"),
    ):
        figures.add_row(name, value)
    console.print(figures)
    stages = Table("stage", "ms for a second of a room", "share")
    for stage, ms in report.stage_ms.items():
        stages.add_row(stage, f"{ms:.2f}", f"{ms / report.ms_per_room_second:.0%}")
    stages.add_row("all", f"{report.ms_per_room_second:.2f}", "100%")
    stages.add_row("PostgreSQL, apart", f"{report.postgres_ms_per_room_second:.2f}", "")
    console.print(stages)
