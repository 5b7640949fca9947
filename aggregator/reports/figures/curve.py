"""How attention runs through a lesson, minute by minute."""

from __future__ import annotations

from statistics import fmean
from typing import Final

from sqlalchemy import Connection, text

from aggregator.reports.document import Chart, Section, Series, Table, Value
from aggregator.reports.figures.scope import Row, Scope, ask
from aggregator.reports.figures.wording import AXIS, column, points

MOST_MINUTES: Final = 120
BLOCK_MIN: Final = 5
AFTER_25: Final = ((25.0, "25 min"),)

# All lessons of the site by the minute of the lesson, from its daily curves.
SITE_CURVE: Final = text(
    """
    SELECT minute_no, sum(attention * student_minutes) / sum(student_minutes) AS attention,
           sum(student_minutes) AS student_minutes, sum(lessons) AS lessons
    FROM v_site_curves
    WHERE site = :site AND local_date BETWEEN :first AND :last
      AND attention IS NOT NULL AND minute_no BETWEEN 0 AND :most - 1
    GROUP BY minute_no ORDER BY minute_no
    """
)

# The same of one class or room, from the minutes of its lessons.
LESSONS_CURVE: Final = text(
    """
    SELECT minute_no, sum(attention * students_scored) / sum(students_scored) AS attention,
           sum(students_scored) AS student_minutes, count(*) AS lessons
    FROM v_lesson_minutes
    WHERE site = :site AND minute_at >= :start AND minute_at < :end
      AND (CAST(:class AS text) IS NULL OR class = :class)
      AND (CAST(:room AS text) IS NULL OR room = :room)
      AND attention IS NOT NULL AND minute_no BETWEEN 0 AND :most - 1
    GROUP BY minute_no ORDER BY minute_no
    """
)


def minutes(connection: Connection, scope: Scope) -> list[Row]:
    """(minute_no, attention, student_minutes, lessons) of the scope's lessons."""
    whole_site = scope.class_id is None and scope.room is None
    query = SITE_CURVE if whole_site else LESSONS_CURVE
    return ask(connection, query, scope, most=MOST_MINUTES)


def curve_section(rows: list[Row]) -> Section:
    """The curve and its blocks of five minutes."""
    return Section(
        name="curve",
        heading="Through the lesson",
        paragraphs=(
            "All minutes with enough students scored, averaged by the minute of the lesson and "
            "weighted by students. Lessons of different lengths end at different minutes: look "
            "at how many lessons stand behind the last ones before reading them.",
        ),
        charts=(_chart(rows),),
        tables=(_table(rows),),
    )


def _chart(rows: list[Row]) -> Chart:
    return Chart(
        name="curve",
        kind="line",
        title="The index by the minute of the lesson",
        x_title="Minute of the lesson",
        y_title=AXIS,
        series=(
            Series(
                name="Index",
                x=tuple(float(row["minute_no"]) for row in rows),
                y=tuple(row["attention"] for row in rows),
                n=tuple(int(row["lessons"]) for row in rows),
            ),
        ),
        words=_words(rows),
        y_range=(0, 100),
        marks=AFTER_25 if any(row["minute_no"] > 25 for row in rows) else (),
        decimals=1,
    )


def _words(rows: list[Row]) -> str:
    early = [row["attention"] for row in rows if 5 <= row["minute_no"] < 25]
    late = [row["attention"] for row in rows if row["minute_no"] >= 25]
    if not early or not late:
        return "There are no minutes on both sides of minute 25."
    return (
        f"{points(fmean(early))} on average from minute 5 to 24, {points(fmean(late))} from "
        "minute 25 on."
    )


def _table(rows: list[Row]) -> Table:
    blocks: dict[int, list[Row]] = {}
    for row in rows:
        blocks.setdefault(row["minute_no"] // BLOCK_MIN, []).append(row)
    return Table(
        name="curve_blocks",
        title="Blocks of five minutes",
        columns=(
            column("minutes", "Minutes"),
            column("attention", "Index", "points", 1),
            column("lessons", "Lessons (most in a minute)", "count"),
            column("student_minutes", "Student minutes", "count"),
        ),
        rows=tuple(_block(number, block) for number, block in sorted(blocks.items())),
        empty="No minute of this period has enough students scored.",
    )


def _block(number: int, rows: list[Row]) -> tuple[Value, ...]:
    weight = sum(row["student_minutes"] for row in rows)
    first = number * BLOCK_MIN
    return (
        f"{first} to {first + BLOCK_MIN - 1}",
        sum(row["attention"] * row["student_minutes"] for row in rows) / weight,
        int(max(row["lessons"] for row in rows)),
        int(weight),
    )
