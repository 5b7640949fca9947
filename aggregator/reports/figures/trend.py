"""Week by week, and against the periods before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final

from aggregator.reports.document import Chart, Section, Series, Table, Value
from aggregator.reports.figures.changes import Change, change_words
from aggregator.reports.figures.lessons import Totals
from aggregator.reports.figures.wording import AXIS, column, points

MOST_WEEKS: Final = 26
WEEK: Final = dt.timedelta(days=7)


def weeks_between(first: dt.date, last: dt.date) -> list[dt.date]:
    """Mondays of the local weeks that have a day in between, the newest MOST_WEEKS."""
    monday = first - dt.timedelta(days=first.weekday())
    weeks = []
    while monday <= last:
        weeks.append(monday)
        monday += WEEK
    return weeks[-MOST_WEEKS:]


def from_first_lesson(weeks: Mapping[dt.date, Totals]) -> dict[dt.date, Totals]:
    """The weeks without the empty ones before the first lesson; the last one stays."""
    left = list(weeks)
    while len(left) > 1 and not weeks[left[0]].lessons:
        left.pop(0)
    return {monday: weeks[monday] for monday in left}


def trend_section(
    weeks: Mapping[dt.date, Totals], change: Change, period: str, first: dt.date
) -> Section:
    """A line and a table of weeks.

    Args:
        weeks: by their Mondays, those without lessons too.
        change: of the report's period against those before.
        period: what is compared: "week", "month" or "term".
        first: day of the report's period; it may have more weeks than are shown.
    """
    more = (
        f"Only the newest {MOST_WEEKS} weeks of the period are shown; the figures above hold for "
        "all of it.",
    )
    is_cut = min(weeks) > first
    weeks = from_first_lesson(weeks)
    versions = sorted({v for week in weeks.values() for v in week.score_versions})
    warning = (
        "The weeks rest on different score versions "
        f"({', '.join(map(str, versions))}); figures of different versions must not be compared.",
    )
    return Section(
        name="trend",
        heading="Trend over weeks",
        paragraphs=(
            change_words(change, period),
            *(more if is_cut else ()),
            *(warning if len(versions) > 1 else ()),
        ),
        charts=(_chart(weeks),),
        tables=(_table(weeks),),
    )


def _chart(weeks: Mapping[dt.date, Totals]) -> Chart:
    known = [(day, week.attention) for day, week in weeks.items() if week.attention is not None]
    words = "No week has a figure."
    if len(known) == 1:
        words = f"Only the week of {_short(known[0][0])} has a figure: {points(known[0][1])}."
    elif known:
        words = (
            f"From {points(known[0][1])} in the week of {_short(known[0][0])} to "
            f"{points(known[-1][1])} in the week of {_short(known[-1][0])}."
        )
    return Chart(
        name="trend",
        kind="line",
        title="The index week by week",
        x_title="Week that starts on",
        y_title=AXIS,
        series=(
            Series(
                name="Index",
                x=tuple(_short(day) for day in weeks),
                y=tuple(week.attention for week in weeks.values()),
                n=tuple(week.reported for week in weeks.values()),
            ),
        ),
        words=words,
        y_range=(0, 100),
        decimals=1,
        n_of="lessons",
    )


def _table(weeks: Mapping[dt.date, Totals]) -> Table:
    rows: list[tuple[Value, ...]] = []
    before: float | None = None
    for day, week in weeks.items():
        now = week.attention
        change = None if now is None or before is None else now - before
        rows.append(
            (
                day.isoformat(),
                week.lessons,
                week.reported,
                now,
                change,
                week.student_lessons,
                week.coverage,
            )
        )
        before = now
    return Table(
        name="weeks",
        title="Weeks",
        columns=(
            column("week", "Week from", "date"),
            column("lessons", "Lessons", "count"),
            column("reported", "Reported", "count"),
            column("attention", "Index", "points", 1),
            column("change", "Against the week before", "points", 1),
            column("student_lessons", "Student lessons", "count"),
            column("coverage", "Coverage", "share"),
        ),
        rows=tuple(rows),
    )


def _short(day: dt.date) -> str:
    return f"{day.day} {day:%b}"
