"""Weeks of a trend: the site's own, none forgotten, no versions mixed without a word."""

from __future__ import annotations

import datetime as dt

from aggregator.reports.figures.changes import compare
from aggregator.reports.figures.lessons import Totals
from aggregator.reports.figures.trend import (
    MOST_WEEKS,
    from_first_lesson,
    trend_section,
    weeks_between,
)

MONDAY = dt.date(2026, 10, 19)


def a_week(attention: float | None = 70.0, version: int = 1) -> Totals:
    return Totals(
        lessons=10,
        reported=0 if attention is None else 10,
        attention=attention,
        score_versions=(version,),
    )


def section(*weeks: Totals, first: dt.date = MONDAY):
    mondays = (MONDAY + n * dt.timedelta(days=7) for n in range(len(weeks)))
    return trend_section(dict(zip(mondays, weeks, strict=True)), compare(70.0, []), "week", first)


def test_weeks_begin_on_mondays_also_where_clocks_and_years_change():
    assert weeks_between(dt.date(2026, 10, 21), dt.date(2026, 10, 26)) == [
        MONDAY,
        dt.date(2026, 10, 26),
    ]
    assert weeks_between(dt.date(2027, 1, 1), dt.date(2027, 1, 4)) == [
        dt.date(2026, 12, 28),
        dt.date(2027, 1, 4),
    ]


def test_a_long_period_shows_its_newest_weeks_and_says_so():
    days = dt.timedelta(weeks=40)
    weeks = weeks_between(MONDAY - days, MONDAY)
    assert (len(weeks), weeks[-1]) == (MOST_WEEKS, MONDAY)
    assert "Only the newest 26 weeks" in " ".join(section(a_week(), first=MONDAY - days).paragraphs)
    assert "Only the newest" not in " ".join(section(a_week()).paragraphs)


def test_weeks_before_the_first_lesson_are_no_gaps_but_later_ones_are():
    empty = Totals()
    weeks = dict(enumerate([empty, empty, a_week(), empty, a_week(), empty]))
    assert list(from_first_lesson(weeks)) == [2, 3, 4, 5]  # type: ignore[arg-type]  # any keys do
    assert list(from_first_lesson({MONDAY: empty})) == [MONDAY]


def test_a_week_without_a_figure_is_a_gap_and_has_no_change():
    found = section(a_week(60.0), a_week(None), a_week(70.0), a_week(72.0))
    assert found.charts[0].series[0].y == (60.0, None, 70.0, 72.0)
    assert [row[4] for row in found.tables[0].rows] == [None, None, None, 2.0]


def test_weeks_of_different_score_versions_come_with_a_warning():
    words = " ".join(section(a_week(), a_week(version=2)).paragraphs)
    assert "different score versions (1, 2)" in words
    assert "versions" not in " ".join(section(a_week(), a_week()).paragraphs)
