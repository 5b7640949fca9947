"""What `facepose bench history` measured, as JSON for programs and as tables for people."""

from __future__ import annotations

from typing import Any, Final

from rich.console import Console
from rich.table import Table

from deploy.bench.history import TUNED, HistoryRun
from deploy.bench.history_insert import MINUTES_A_COMMIT, WRITERS
from deploy.bench.history_size import HistoryOptions
from deploy.bench.machine import describe_cpu, load_average

AIM_QUERY_S: Final = 1.0
AIM_REPORT_S: Final = 10.0
NEEDED_ROWS_PER_S: Final = 3000  # windows of 1,000 rooms of 30 students
AIM_INSERT: Final = 20


def as_json(options: HistoryOptions, run: HistoryRun) -> dict[str, Any]:
    """One object: the figures at the top, what was done below them."""
    return {
        "rows": run.rows,
        "queries_s": {name: round(s, 4) for name, s in run.queries_s.items()},
        "report_s": round(run.report_s, 3),
        "insert_rows_per_s": round(run.insert_rows_per_s),
        "disk_bytes": run.disk_bytes,
        "fill_s": round(run.fill_s, 1),
        "setting": {
            "rooms": options.rooms,
            "students": options.students,
            "days": options.days,
            "sites": options.sites,
            "sites_with_single_students": options.sites_in_full,
            "camera_days": options.camera_days,
            "window_days_of_the_first_site": options.window_days,
            "writers": WRITERS,
            "minutes_a_commit": MINUTES_A_COMMIT,
            "server": TUNED,
            "machine": describe_cpu(),
            "load_average": load_average(),
        },
    }


def print_report(console: Console, options: HistoryOptions, run: HistoryRun) -> None:
    """Print the tables."""
    console.print(f"{describe_cpu()}; load {load_average():.1f}", highlight=False)
    console.print(
        f"{options.rooms} rooms of {options.students} students, {options.days} school days; rows "
        f"of single students and of cameras for {options.sites_in_full} of {options.sites} "
        f"schools; {run.disk_bytes / 2**30:.1f} GB, filled in {run.fill_s / 60:.0f} min",
        highlight=False,
    )
    rows = Table("table", "rows")
    for table, count in run.rows.items():
        rows.add_row(table, f"{count:,}")
    console.print(rows)
    questions = Table("question, warm", "s", f"aim: {AIM_QUERY_S:g} s")
    for name, seconds in run.queries_s.items():
        questions.add_row(name, f"{seconds:.3f}", _kept(seconds < AIM_QUERY_S))
    console.print(questions)
    times = run.insert_rows_per_s / NEEDED_ROWS_PER_S
    console.print(
        f"Weekly report of one school, HTML and PDF: {run.report_s:.1f} s "
        f"(aim: {AIM_REPORT_S:g} s: {_kept(run.report_s < AIM_REPORT_S)})\n"
        f"Written by {WRITERS} writers, {MINUTES_A_COMMIT} minutes of a room a commit: "
        f"{run.insert_rows_per_s:,.0f} rows/s, {times:.0f} times what 1,000 rooms need "
        f"(aim: {AIM_INSERT}: {_kept(times >= AIM_INSERT)})",
        highlight=False,
    )


def _kept(is_kept: bool) -> str:
    return "kept" if is_kept else "missed"
