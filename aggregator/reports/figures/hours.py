"""Time of day: weekday by local hour."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from aggregator.reports.document import Chart, Section, Series, Table
from aggregator.reports.figures.lessons import IN_SCOPE
from aggregator.reports.figures.scope import Row, Scope, ask
from aggregator.reports.figures.wording import AXIS, column, count, points
from aggregator.reports.suppression import Counts, withheld_cells

LEAST_LESSONS: Final = 2
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

# Reported lessons by weekday and the local hour in which they began.
HOURS: Final = text(
    f"""
    SELECT weekday, local_hour, count(*) AS lessons, max(students_scored) AS students,
           sum(attention * students_scored) / sum(students_scored) AS attention
    FROM v_lessons
    WHERE {IN_SCOPE} AND reported
    GROUP BY weekday, local_hour ORDER BY weekday, local_hour
    """  # noqa: S608  a constant of ours
)


def hours_section(connection: Connection, scope: Scope, k: int) -> Section:
    """The map and its table."""
    rows = ask(connection, HOURS, scope)
    withheld = _withheld(rows, k)
    return Section(
        name="hours",
        heading="Time of day",
        paragraphs=(
            "Mean index of the lessons that began in an hour of a weekday, weighted by students. "
            "Classes and subjects differ by hour as well: a dark field is a question for the "
            "timetable, not an effect of the hour.",
        ),
        charts=(_chart(rows, withheld),) if rows else (),
        tables=(_table(rows, withheld),),
    )


def _withheld(rows: list[Row], k: int) -> set[tuple[int, int]]:
    """(weekday, hour) of cells with too few students; no totals stand in the map."""
    days, hours = _axes(rows)
    at = {(row["weekday"], row["local_hour"]): row["students"] for row in rows}
    cells = [[at.get((day, hour), 0) for hour in hours] for day in days]
    return {(days[i], hours[j]) for i, j in withheld_cells(Counts(cells), k)}


def _axes(rows: list[Row]) -> tuple[list[int], list[int]]:
    """Weekdays from Monday to Friday at least, and all hours from the first to the last."""
    days = range(1, max([5, *(row["weekday"] for row in rows)]) + 1)
    hours = [row["local_hour"] for row in rows]
    return list(days), list(range(min(hours), max(hours) + 1)) if hours else []


def _chart(rows: list[Row], withheld: set[tuple[int, int]]) -> Chart:
    days, hours = _axes(rows)
    at = {(row["weekday"], row["local_hour"]): row for row in rows}

    def series(day: int) -> Series:
        found = [at.get((day, hour)) for hour in hours]
        hidden = [(day, hour) in withheld for hour in hours]
        return Series(
            name=DAYS[day - 1],
            x=tuple(f"{hour}:00" for hour in hours),
            y=tuple(
                row["attention"] if row and not hide else None
                for row, hide in zip(found, hidden, strict=True)
            ),
            n=tuple(row["lessons"] if row else 0 for row in found),
            withheld=tuple(number for number, hide in enumerate(hidden) if hide),
        )

    return Chart(
        name="hours",
        kind="heat",
        title="The index by weekday and hour",
        x_title="Local hour in which the lesson began",
        y_title=AXIS,
        series=tuple(series(day) for day in days),
        words=_words([row for row in rows if (row["weekday"], row["local_hour"]) not in withheld]),
        y_range=(0, 100),
    )


def _words(rows: list[Row]) -> str:
    solid = [row for row in rows if row["lessons"] >= LEAST_LESSONS]
    if len(solid) < 2:
        return "No two hours have two lessons or more."
    best = max(solid, key=lambda row: (row["attention"], row["weekday"], row["local_hour"]))
    worst = min(solid, key=lambda row: (row["attention"], row["weekday"], row["local_hour"]))
    return (
        f"Of the hours with {count(LEAST_LESSONS, 'lesson')} or more, highest on {_hour(best)}, "
        f"lowest on {_hour(worst)}."
    )


def _hour(row: Row) -> str:
    return f"{DAYS[row['weekday'] - 1]} at {row['local_hour']}:00 ({points(row['attention'])})"


def _table(rows: list[Row], withheld: set[tuple[int, int]]) -> Table:
    """A row an hour that has lessons, a column a weekday; how many lessons stands in the map."""
    days, _ = _axes(rows)
    hours = sorted({row["local_hour"] for row in rows})
    at = {
        (row["weekday"], row["local_hour"]): row["attention"]
        for row in rows
        if (row["weekday"], row["local_hour"]) not in withheld
    }
    return Table(
        name="hours",
        title="Index by weekday and hour",
        columns=(
            column("hour", "Began at"),
            *(column(DAYS[day - 1].lower(), DAYS[day - 1], "points", 1) for day in days),
        ),
        rows=tuple((f"{hour}:00", *(at.get((day, hour)) for day in days)) for hour in hours),
        withheld=tuple(
            (i, j + 1)
            for i, hour in enumerate(hours)
            for j, day in enumerate(days)
            if (day, hour) in withheld
        ),
        empty="No lesson of this period is reported.",
    )
