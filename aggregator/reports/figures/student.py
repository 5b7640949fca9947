"""One student's lessons, by pseudonym: only where policy permits, and never unnoticed.

The rows come from the database's function `student_history`, which writes the audit, leaves out
lessons without consent where a roster is linked, and withholds the figures of lessons whose seats
were not confirmed or in doubt (SCORE §5).
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean
from typing import Final

from sqlalchemy import Connection, text

from aggregator.baselines import MIN_DROP_POINTS, MIN_DROP_SHARE
from aggregator.reports.document import (
    Chart,
    KeyFigure,
    Period,
    Report,
    Section,
    Series,
    Table,
)
from aggregator.reports.errors import ReportError
from aggregator.reports.figures.method import method_section, privacy_section
from aggregator.reports.figures.scope import Row, analyst_snapshot, become, plain_rows
from aggregator.reports.figures.wording import (
    AXIS,
    column,
    count,
    local_time,
    more_words,
    points,
    share,
)
from schemas.site import Site
from schemas.site_reports import ReportDefinition

MOST_LESSONS: Final = 60

# One statement is one moment; the audit's chain is written in READ COMMITTED only.
_BEGIN: Final = text("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
HISTORY: Final = text(
    """
    SELECT local_start, room, class, attention, attention_early, attention_late, baseline,
           coverage, confidence, score_version, why_none
    FROM student_history(CAST(:pseudonym AS uuid), :first, :last, :reason)
    WHERE site = :site
    ORDER BY local_start, room
    """
)


class PolicyError(ReportError):
    """Policy does not permit this report."""


def student_report(
    connection: Connection, definition: ReportDefinition, period: Period, site: Site
) -> Report:
    """The lessons of a pseudonymous student; the reading stands in the audit when this returns.

    Raises:
        PolicyError: the site's policy permits no figures of single students.
    """
    if not site.rules.per_student:
        raise PolicyError(
            f"policy {site.rules.profile!r} of site {site.site.id!r} permits no figures of single "
            "students; ask for a report of the class"
        )
    rows = _history(connection, definition, period, site)
    versions = tuple(sorted({row["score_version"] for row in rows}))
    with analyst_snapshot(connection):
        method = method_section(connection, versions, None)
    return Report(
        report_id=definition.id,
        kind="student",
        title="Lessons of a student",
        subject=f"Student {definition.student}",
        site_name=site.site.name or site.site.id,
        period=period,
        policy_profile=site.rules.profile,
        k=site.rules.k,
        key_figures=_key_figures(rows),
        summary=tuple(_sentences(rows)),
        sections=(_lessons_section(rows),),
        method=method,
        privacy=privacy_section(site),
        score_versions=versions,
        per_student=True,
    )


def _history(
    connection: Connection, definition: ReportDefinition, period: Period, site: Site
) -> list[Row]:
    with connection.begin():
        connection.execute(_BEGIN)
        become(connection, "facepose_admin")
        values = {
            "pseudonym": str(definition.student),
            "first": period.first,
            "last": period.last,
            "reason": definition.reason,
            "site": site.site.id,
        }
        return plain_rows(connection.execute(HISTORY, values))


def _shown(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["attention"] is not None]


def _sentences(rows: list[Row]) -> Iterator[str]:
    shown = _shown(rows)
    if not rows:
        yield "No lesson of this student stands in this period."
        return
    why = (
        "; the others were seen too little or too poorly, or the seats were not confirmed or in "
        "doubt"
    )
    yield (
        f"{len(shown)} of {count(len(rows), 'lesson')} of this student have a figure"
        f"{why if len(shown) < len(rows) else ''}."
    )
    if not shown:
        return
    yield f"The mean of the lessons was {points(_mean(shown))} of 100."
    compared = [row for row in shown if row["baseline"] is not None]
    if compared:
        below = [row for row in compared if _is_low(row)]
        yield (
            f"{count(len(compared), 'lesson')} can be compared with the student's own baseline, "
            "the median of up to ten earlier lessons in the class; "
            f"{len(below)} lay {share(MIN_DROP_SHARE)} and {MIN_DROP_POINTS:.0f} points or more "
            "below it."
        )
    else:
        yield "No lesson has a baseline yet: that takes five earlier lessons in the same class."
    yield (
        "A single lesson says little: its sampling error alone is about 2.5 points, and where a "
        "head points has many harmless reasons."
    )


def _is_low(row: Row) -> bool:
    drop = row["baseline"] - row["attention"]
    return bool(drop >= MIN_DROP_POINTS and drop >= MIN_DROP_SHARE * row["baseline"])


def _mean(rows: list[Row]) -> float:
    return fmean(row["attention"] for row in rows)


def _key_figures(rows: list[Row]) -> tuple[KeyFigure, ...]:
    shown = _shown(rows)
    baselines = [row["baseline"] for row in shown if row["baseline"] is not None]
    return (
        KeyFigure(
            name="lessons",
            title="Lessons with a figure",
            value=len(shown),
            unit="count",
            basis=f"of {count(len(rows), 'lesson')}",
        ),
        KeyFigure(
            name="attention",
            title="Visual orientation index",
            value=_mean(shown) if shown else None,
            unit="points",
            decimals=1,
            basis="mean of the lessons, 0 to 100",
        ),
        KeyFigure(
            name="baseline",
            title="Own baseline",
            value=baselines[-1] if baselines else None,
            unit="points",
            decimals=1,
            basis="before the last lesson that has one",
        ),
    )


def _lessons_section(rows: list[Row]) -> Section:
    return Section(
        name="lessons",
        heading="Lessons",
        paragraphs=more_words(len(rows), MOST_LESSONS, "earlier lesson"),
        charts=(_chart(rows[-MOST_LESSONS:]),) if _shown(rows) else (),
        tables=(_table(rows[-MOST_LESSONS:]),),
    )


def _chart(rows: list[Row]) -> Chart:
    starts = tuple(f"{row['local_start']:%-d %b %H:%M}" for row in rows)
    return Chart(
        name="lessons",
        kind="line",
        title="The index lesson by lesson, and the student's own baseline",
        x_title="Lesson",
        y_title=AXIS,
        series=(
            Series(name="Lesson", x=starts, y=tuple(row["attention"] for row in rows)),
            Series(name="Own baseline", x=starts, y=tuple(row["baseline"] for row in rows)),
        ),
        words=f"Between {points(min(row['attention'] for row in _shown(rows)))} and "
        f"{points(max(row['attention'] for row in _shown(rows)))}.",
        y_range=(0, 100),
        decimals=1,
    )


def _table(rows: list[Row]) -> Table:
    return Table(
        name="lessons",
        title="Lessons, oldest first",
        columns=(
            column("local_start", "Start", "time"),
            column("class", "Class"),
            column("room", "Room"),
            column("attention", "Index", "points", 1),
            column("baseline", "Own baseline", "points", 1),
            column("early", "First 25 min", "points", 1),
            column("late", "After 25 min", "points", 1),
            column("coverage", "Coverage", "share"),
            column("why_none", "Why there is no figure"),
        ),
        rows=tuple(
            (
                local_time(row["local_start"]),
                row["class"],
                row["room"],
                row["attention"],
                row["baseline"],
                row["attention_early"],
                row["attention_late"],
                row["coverage"],
                row["why_none"],
            )
            for row in rows
        ),
        empty="No lesson of this student stands in this period.",
    )
