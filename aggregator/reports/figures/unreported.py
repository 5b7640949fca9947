"""What is not in the figures, and why."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from aggregator.reports.document import Section, Table
from aggregator.reports.figures.lessons import IN_SCOPE
from aggregator.reports.figures.scope import Row, Scope, ask
from aggregator.reports.figures.wording import column, count, local_time, moment, more_words

MOST_LESSONS: Final = 15
MOST_LEFT_OUT: Final = 20

# Lessons without a figure, by reason.
REASONS: Final = text(
    f"""
    SELECT reason, max(reason_words) AS reason_words, count(*) AS lessons
    FROM v_lessons_not_reported WHERE {IN_SCOPE}
    GROUP BY reason ORDER BY lessons DESC, reason
    """  # noqa: S608  a constant of ours
)

# Each of them, the newest first.
NOT_REPORTED: Final = text(
    f"""
    SELECT local_start, class, room, reason_words, coverage, camera_down_s, students_present,
           students_scored
    FROM v_lessons_not_reported WHERE {IN_SCOPE}
    ORDER BY started_at DESC, room, lesson_id
    LIMIT {MOST_LESSONS}
    """  # noqa: S608  constants of ours
)

# Lessons of the timetable that are over and have no summary: not closed yet, or never seen.
WITHOUT_DATA: Final = text(
    """
    SELECT local_start, class, class_title, room, status = 'running' AS not_closed
    FROM v_lessons_without_data
    WHERE site = :site AND planned_start_at >= :start AND planned_start_at < :end
      AND (CAST(:class AS text) IS NULL OR class = :class)
      AND (CAST(:room AS text) IS NULL OR room = :room)
    ORDER BY planned_start_at DESC, room, lesson_id
    """
)


class Unreported(NamedTuple):
    """Lessons that are not in the figures.

    Attributes:
        reasons: (reason, reason_words, lessons).
        lessons: some of them, the newest first.
        not_closed: planned, begun, and not over for the aggregator.
        without_data: planned, and never seen.
    """

    reasons: list[Row]
    lessons: list[Row]
    not_closed: list[Row]
    without_data: list[Row]

    @property
    def number(self) -> int:
        """Lessons that were held and have no figure."""
        return sum(row["lessons"] for row in self.reasons)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Lessons that were not closed when the report was made, in words."""
        words = [
            f"{moment(row['local_start'])}, {row['class'] or 'no class'}, "
            f"{row['room']}: not closed when this report was made"
            for row in self.not_closed[:MOST_LEFT_OUT]
        ]
        more = len(self.not_closed) - len(words)
        return (*words, *((f"and {more} more",) if more else ()))


def unreported(connection: Connection, scope: Scope) -> Unreported:
    """What the scope's figures leave out."""
    missing = ask(connection, WITHOUT_DATA, scope)
    return Unreported(
        reasons=ask(connection, REASONS, scope),
        lessons=ask(connection, NOT_REPORTED, scope),
        not_closed=[row for row in missing if row["not_closed"]],
        without_data=[row for row in missing if not row["not_closed"]],
    )


def unreported_section(found: Unreported) -> Section:
    """Reasons, then the lessons."""
    return Section(
        name="not_reported",
        heading="What is not reported, and why",
        paragraphs=(
            f"{count(found.number, 'lesson')} held without enough evidence for a figure, "
            f"{count(len(found.without_data), 'planned lesson')} without any data. Where there is "
            "no evidence there is no figure: it is never replaced by 0 or by an estimate.",
            *more_words(
                found.number, len(found.lessons), "lesson not listed", "lessons not listed"
            ),
            *more_words(
                len(found.without_data),
                MOST_LESSONS,
                "planned lesson without data",
                "planned lessons without data",
            ),
        ),
        tables=(_reasons(found), _lessons(found), _without_data(found)),
    )


def reason_words(found: Unreported) -> str:
    """`3 for low coverage, …` of the two most frequent reasons."""
    return "; ".join(f"{row['lessons']}: {row['reason_words']}" for row in found.reasons[:2])


def _reasons(found: Unreported) -> Table:
    return Table(
        name="not_reported_reasons",
        title="Reasons",
        columns=(column("reason", "Reason"), column("lessons", "Lessons", "count")),
        rows=tuple((row["reason_words"], row["lessons"]) for row in found.reasons),
        empty="No lesson that was held lacks a figure.",
    )


def _lessons(found: Unreported) -> Table:
    return Table(
        name="not_reported",
        title="Lessons without a figure, newest first",
        columns=(
            column("local_start", "Start", "time"),
            column("class", "Class"),
            column("room", "Room"),
            column("reason", "Reason"),
            column("coverage", "Coverage", "share"),
            column("camera_down_s", "Without camera", "seconds"),
            column("students_scored", "Scored", "count"),
            column("students_present", "Present", "count"),
        ),
        rows=tuple(
            (
                local_time(row["local_start"]),
                row["class"] or "no class",
                row["room"],
                row["reason_words"],
                row["coverage"],
                row["camera_down_s"],
                row["students_scored"],
                row["students_present"],
            )
            for row in found.lessons
        ),
        empty="No lesson that was held lacks a figure.",
    )


def _without_data(found: Unreported) -> Table:
    return Table(
        name="without_data",
        title="Planned lessons without any data",
        columns=(
            column("local_start", "Planned start", "time"),
            column("class", "Class"),
            column("room", "Room"),
        ),
        rows=tuple(
            (local_time(row["local_start"]), row["class"] or "no class", row["room"])
            for row in found.without_data[:MOST_LESSONS]
        ),
        empty="No planned lesson is without data.",
    )
