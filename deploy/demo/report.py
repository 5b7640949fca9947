"""The demo's last words on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from deploy.demo.summary import HEADING, Student, Summary

MORE_SQL: Final = """\
SELECT local_start, class, room, attention, lost_points, coverage, reason_words
FROM v_lessons ORDER BY local_start DESC LIMIT 20"""


def print_summary(
    summary: Summary,
    students: Sequence[Student],
    weekly: Sequence[Path],
    state: Path,
    console: Console,
) -> None:
    """Print the students' scores beside the truth, the figures, and where to ask for more.

    Args:
        summary: of the lesson.
        students: of the lesson.
        weekly: which of the summary's reports are about the last week.
        state: folder of the database.
        console: to print to.
    """
    console.print(students_table(students))
    console.print(
        f"[bold]{summary.students} students[/], {summary.windows} windows, "
        f"{summary.frames} frames analysed, {summary.dropped} dropped, "
        f"first score after {summary.first_score_s} s.\n"
        f"Agreement with the simulated truth: Spearman {summary.spearman}, "
        f"mean difference {summary.mean_abs_diff} points "
        f"(mean coverage {summary.coverage_mean}). [dim]({HEADING}: it proves the plumbing, not "
        "accuracy on people)[/]",
        highlight=False,
    )
    for path in summary.report_paths:
        what = "The last week" if Path(path) in weekly else "The lesson"
        console.print(f"\n{what} as a report: {path}", highlight=False, soft_wrap=True)
    console.print(
        f"\nThe database stays in {state}. To ask it for more (`--views` tells what there is; "
        f"`facepose db shell --state {state}` is psql):\n"
        f'  .venv/bin/facepose sql --state {state} "',
        highlight=False,
        soft_wrap=True,
        end="",
    )
    console.print(f'{MORE_SQL}"', highlight=False, style="cyan", soft_wrap=True)


def students_table(students: Sequence[Student]) -> Table:
    """The summary for a terminal."""
    table = Table(
        "room", "seat", "index", "truth", "coverage", "windows", title=f"Students ({HEADING})"
    )
    for s in students:
        table.add_row(
            s.room,
            s.seat,
            _points(s.score),
            _points(s.true_score),
            f"{s.coverage:.0%}",
            str(s.windows),
        )
    return table


def _points(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"
