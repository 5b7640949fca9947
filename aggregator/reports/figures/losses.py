"""Lessons that lost attention after 25 minutes (SCORE §1)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from aggregator.reports.document import Chart, Section, Series, Table
from aggregator.reports.figures.curve import AFTER_25, MOST_MINUTES
from aggregator.reports.figures.lessons import IN_SCOPE, Totals
from aggregator.reports.figures.scope import Row, Scope, ask
from aggregator.reports.figures.wording import (
    AXIS,
    column,
    count,
    local_time,
    moment,
    more_words,
    points,
)
from aggregator.results import LOST_POINTS

MOST_LESSONS: Final = 12

# Lessons whose class lost much after minute 25, the largest loss first.
LOST: Final = text(
    f"""
    SELECT lesson_id, local_start, class, class_title, room, room_name, attention_early,
           attention_late, lost_points, students_scored, coverage
    FROM v_lessons
    WHERE {IN_SCOPE} AND lost_points >= :lost_points
    ORDER BY lost_points DESC, started_at, lesson_id
    LIMIT :most
    """  # noqa: S608  a constant of ours
)

# One lesson, minute by minute.
MINUTES: Final = text(
    """
    SELECT minute_no, attention, attention_p10, students_scored
    FROM v_lesson_minutes
    WHERE lesson_id = :lesson_id AND minute_at >= :start
      AND minute_at < CAST(:end AS timestamptz) + interval '1 day'
      AND minute_no BETWEEN 0 AND :most - 1
    ORDER BY minute_no
    """
)


def losses_section(connection: Connection, scope: Scope, totals: Totals) -> Section:
    """The lessons, and the course of the one that lost most."""
    rows = ask(connection, LOST, scope, lost_points=LOST_POINTS, most=MOST_LESSONS)
    charts = (_worst(connection, scope, rows[0]),) if rows else ()
    return Section(
        name="losses",
        heading="Lessons that lost attention after 25 minutes",
        paragraphs=(
            f"{count(totals.lost, 'lesson')} of {totals.comparable} lost {LOST_POINTS:.0f} points "
            "or more: the median of the class's minutes 5 to 24 against the median from minute 25 "
            "to two minutes before the end. Only lessons with ten such minutes on both sides and "
            "one activity are compared. It says that a lesson's course deserves a look, not why.",
            *more_words(totals.lost, len(rows), "lesson"),
        ),
        charts=charts,
        tables=(_table(rows),),
    )


def _worst(connection: Connection, scope: Scope, lesson: Row) -> Chart:
    rows = ask(connection, MINUTES, scope, lesson_id=lesson["lesson_id"], most=MOST_MINUTES)
    name = f"{class_name(lesson)}, {moment(lesson['local_start'])}"
    return Chart(
        name="largest_loss",
        kind="line",
        title=f"The lesson that lost most: {name}",
        x_title="Minute of the lesson",
        y_title=AXIS,
        series=(
            Series(
                name="Class",
                x=tuple(float(row["minute_no"]) for row in rows),
                y=tuple(row["attention"] for row in rows),
                n=tuple(row["students_scored"] for row in rows),
            ),
        ),
        words=(
            f"{points(lesson['attention_early'])} before and {points(lesson['attention_late'])} "
            f"after minute 25: {points(lesson['lost_points'])} points less."
        ),
        y_range=(0, 100),
        marks=AFTER_25,
        decimals=1,
        n_of="students",
    )


def class_name(row: Row) -> str:
    """How people call the class of a lesson."""
    return str(row["class_title"] or row["class"] or "no class")


def room_name(row: Row) -> str:
    """How people call the room of a lesson."""
    return str(row["room_name"] or row["room"])


def _table(rows: list[Row]) -> Table:
    return Table(
        name="lost_lessons",
        title="Lessons with the largest loss",
        columns=(
            column("local_start", "Start", "time"),
            column("class", "Class"),
            column("room", "Room"),
            column("early", "Minutes 5 to 24", "points", 1),
            column("late", "From minute 25", "points", 1),
            column("lost", "Points lost", "points", 1),
            column("students", "Students scored", "count"),
            column("coverage", "Coverage", "share"),
        ),
        rows=tuple(
            (
                local_time(row["local_start"]),
                class_name(row),
                room_name(row),
                row["attention_early"],
                row["attention_late"],
                row["lost_points"],
                row["students_scored"],
                row["coverage"],
            )
            for row in rows
        ),
        empty="No lesson lost that much.",
    )
