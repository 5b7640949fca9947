"""The classes of a site, side by side."""

from __future__ import annotations

import datetime as dt
from typing import Final

from sqlalchemy import Connection, text

from aggregator.reports.document import Section, Table, Value
from aggregator.reports.figures.lessons import FIGURES, IN_SCOPE, Totals
from aggregator.reports.figures.losses import class_name
from aggregator.reports.figures.scope import Row, Scope, ask, ask_one
from aggregator.reports.figures.wording import column, count
from aggregator.reports.suppression import Counts, withheld_cells

MOST_CLASSES: Final = 20
_INDEX: Final = 3  # column of the index
_CHANGE: Final = 4

# Every class with a lesson in the scope.
CLASSES: Final = text(
    f"""
    SELECT class, max(class_title) AS class_title, {FIGURES}
    FROM v_lessons WHERE {IN_SCOPE}
    GROUP BY class ORDER BY class NULLS LAST
    """  # noqa: S608  constants of ours
)

# What people call a class.
TITLE: Final = text(
    f"SELECT max(class_title) AS title FROM v_lessons WHERE {IN_SCOPE}"  # noqa: S608
)
_RECENTLY: Final = dt.timedelta(days=70)


def class_title(connection: Connection, scope: Scope) -> str:
    """The title of the scope's class; its short name where it has had no lesson recently."""
    recently = scope.between(scope.first - _RECENTLY, scope.last)
    return str(ask_one(connection, TITLE, recently)["title"] or scope.class_id)


def classes_section(
    connection: Connection, scope: Scope, before: Scope, total: Totals, k: int
) -> Section:
    """All classes, or the lowest and the highest of many.

    Args:
        connection: in the report's snapshot.
        scope: of the report.
        before: the same in the period before.
        total: of all classes; it stands in the report, so it may give a withheld class away.
        k: the smallest group that may be shown.
    """
    rows = ask(connection, CLASSES, scope)
    earlier = {row["class"]: row["attention"] for row in ask(connection, CLASSES, before)}
    counts = Counts([[int(row["students"])] for row in rows], None, [total.students])
    withheld = {rows[i]["class"] for i, _ in withheld_cells(counts, k) if i < len(rows)}
    shown = _some(rows)
    paragraphs = [
        "Every class against itself in the period before; classes are taught in different rooms, "
        "hours and subjects, and are not ranked by this.",
    ]
    if len(rows) > len(shown):
        paragraphs.append(
            f"Of {len(rows)} classes, {len(shown)} with the lowest and the highest index are "
            f"listed; and {count(len(rows) - len(shown), 'class', 'classes')} more."
        )
    return Section(
        name="classes",
        heading="Classes",
        paragraphs=tuple(paragraphs),
        tables=(_table(shown, earlier, withheld),),
    )


def _some(rows: list[Row]) -> list[Row]:
    """All of few; of many the lowest and the highest, in their order."""
    if len(rows) <= MOST_CLASSES:
        return rows
    known = sorted(
        (row for row in rows if row["attention"] is not None),
        key=lambda row: (row["attention"], row["class"] or ""),
    )
    half = MOST_CLASSES // 2
    return known if len(known) <= MOST_CLASSES else known[:half] + known[-half:]


def _table(rows: list[Row], earlier: dict[str, float | None], withheld: set[str]) -> Table:
    made: list[tuple[Value, ...]] = []
    hidden: list[tuple[int, int]] = []
    for number, row in enumerate(rows):
        now, before = row["attention"], earlier.get(row["class"])
        if row["class"] in withheld:
            hidden += [(number, _INDEX), (number, _CHANGE)]
            now = None
        change = None if now is None or before is None else now - before
        made.append(
            (
                class_name(row),
                row["lessons"],
                row["reported"],
                now,
                change,
                row["lost"],
                int(row["student_lessons"]),
                row["coverage"],
            )
        )
    return Table(
        name="classes",
        title="Classes",
        columns=(
            column("class", "Class"),
            column("lessons", "Lessons", "count"),
            column("reported", "Reported", "count"),
            column("attention", "Index", "points", 1),
            column("change", "Against the period before", "points", 1),
            column("lost", "Lost after 25 min", "count"),
            column("student_lessons", "Student lessons", "count"),
            column("coverage", "Coverage", "share"),
        ),
        rows=tuple(made),
        withheld=tuple(hidden),
        empty="No class had a lesson in this period.",
    )
