"""What a report says, before anybody decides how it looks: figures fill it, renderers draw it.

Every number that a reader sees stands in here once, so HTML, PDF, CSV and JSON cannot differ.
Numbers have full precision; `Column.decimals` says how many digits a person reads. None is "no
evidence" or, where `Table.withheld` says so, "too small a group to be shown".
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

Kind = Literal["daily_operations", "weekly_class", "weekly_site", "monthly", "term", "student"]
Unit = Literal["text", "points", "share", "count", "minutes", "seconds", "date", "time", "degrees"]
Value = str | int | float | None


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """Local days of the site: from `first` to `last`, both included."""

    first: dt.date
    last: dt.date
    time_zone: str


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column of a table; `name` is for programs, `title` for people."""

    name: str
    title: str
    unit: Unit = "text"
    decimals: int = 0


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of figures.

    Attributes:
        name: unique in the report; the CSV file's name.
        columns: (C).
        rows: (R, C).
        withheld: (row, column) of what is None because its group is too small.
        empty: what stands in place of a table without rows.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    withheld: tuple[tuple[int, int], ...] = ()
    empty: str = "Nothing in this period."


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One line or set of bars: y of each x, None: a gap; `n` students or lessons behind each."""

    name: str
    x: tuple[float | str, ...]
    y: tuple[float | None, ...]
    n: tuple[int, ...] = ()
    low: tuple[float | None, ...] = ()  # a band around y, where there is one
    high: tuple[float | None, ...] = ()
    withheld: tuple[int, ...] = ()  # positions of y that are None because the group is too small


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A picture of figures.

    Attributes:
        name: unique in the report.
        kind: `line` and `bars` have x and y; `heat` has one series a row, its x the columns.
        title: a sentence that says what it shows.
        x_title, y_title: axes with their units; a heat map's y_title says what its colours are.
        y_range: None: as the figures need it.
        marks: (x, words): a vertical line, like "25 min".
        words: the same for people who cannot see it.
        unit, decimals: of y, where its numbers are written out; a share is 0..1 and drawn in %.
        n_of: what `n` counts, like "lessons".
        band: what lies between `low` and `high`, like "10th to 90th percentile of lessons".
    """

    name: str
    kind: Literal["line", "bars", "heat"]
    title: str
    x_title: str
    y_title: str
    series: tuple[Series, ...]
    words: str
    y_range: tuple[float, float] | None = None
    marks: tuple[tuple[float | str, str], ...] = ()
    unit: Unit = "points"
    decimals: int = 0
    n_of: str = "lessons"
    band: str = ""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A heading with paragraphs, pictures and tables, in that order."""

    name: str
    heading: str
    paragraphs: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()


class KeyFigure(msgspec.Struct, frozen=True, kw_only=True):
    """A number at the top of the first page, with what it rests on in `basis`."""

    name: str
    title: str
    value: Value
    unit: Unit
    decimals: int = 0
    basis: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole report; the same data makes the same bytes.

    Attributes:
        report_id: id of its definition in the site file.
        subject: the site, class, or student (a pseudonym) that it is about.
        summary: what a reader should take along, in sentences; the first page.
        left_out: lessons of the period that were not closed when it was made, in words.
        score_versions: of the figures in it.
        method: what the index is and is not, formula version, limits.
        privacy: the profile's rules, k, retention, whom to ask.
    """

    report_id: str
    kind: Kind
    title: str
    subject: str
    site_name: str
    period: Period
    policy_profile: str
    k: int
    key_figures: tuple[KeyFigure, ...]
    summary: tuple[str, ...]
    sections: tuple[Section, ...]
    method: Section
    privacy: Section
    left_out: tuple[str, ...] = ()
    score_versions: tuple[int, ...] = ()
    per_student: bool = False
