"""How the students of a class spread, as groups: never one of them."""

from __future__ import annotations

import datetime as dt
from typing import Final

from sqlalchemy import Connection, text

from aggregator.reports.document import Section, Table
from aggregator.reports.figures.losses import class_name
from aggregator.reports.figures.scope import Row, Scope, ask
from aggregator.reports.figures.wording import column, count, more_words

MOST_ROWS: Final = 20

# Classes of the scope's weeks with enough students, where policy has figures of students.
WEEKS: Final = text(
    """
    SELECT local_week, class, class_title, students, students_below_baseline,
           attention_p25, attention_p50, attention_p75, lessons
    FROM v_student_weeks
    WHERE site = :site AND local_week BETWEEN :monday AND :last
      AND (CAST(:class AS text) IS NULL OR class = :class)
    ORDER BY local_week DESC, students_below_baseline DESC, class
    """
)


def student_groups_section(connection: Connection, scope: Scope) -> Section | None:
    """Whether students fell below their own baselines; None: no figures of students exist."""
    monday = scope.first - dt.timedelta(days=scope.first.weekday())
    rows = ask(connection, WEEKS, scope, monday=monday)
    if not rows:
        return None
    below = sum(row["students_below_baseline"] for row in rows)
    all_ = sum(row["students"] for row in rows)
    return Section(
        name="students",
        heading="Students as groups",
        paragraphs=(
            "A student's week is below the own baseline if it is 20 % and 10 points lower than "
            "the median of up to ten earlier lessons in the same class, over three lessons or "
            f"more with good evidence. That holds for {below} of "
            f"{count(all_, 'student week')}; a student with several classes counts in each.",
            *more_words(len(rows), MOST_ROWS, "row"),
        ),
        tables=(_table(rows[:MOST_ROWS]),),
    )


def _table(rows: list[Row]) -> Table:
    return Table(
        name="student_groups",
        title="Classes, newest week first",
        columns=(
            column("week", "Week from", "date"),
            column("class", "Class"),
            column("students", "Students", "count"),
            column("below", "Below own baseline", "count"),
            column("p25", "Lower quarter", "points", 1),
            column("p50", "Median", "points", 1),
            column("p75", "Upper quarter", "points", 1),
            column("lessons", "Lessons", "count"),
        ),
        rows=tuple(
            (
                row["local_week"].isoformat(),
                class_name(row),
                row["students"],
                row["students_below_baseline"],
                row["attention_p25"],
                row["attention_p50"],
                row["attention_p75"],
                row["lessons"],
            )
            for row in rows
        ),
    )
