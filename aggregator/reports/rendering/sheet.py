"""A report as words in their places: what HTML and PDF print, so that they cannot differ.

A sheet is plain data (dict, list, str, bool), made for a template: numbers are already digits and
charts are pictures. No template decides anything about a figure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from aggregator.reports.document import (
    Chart,
    Column,
    KeyFigure,
    Report,
    Section,
    Series,
    Table,
    Value,
)
from aggregator.reports.rendering.values import (
    NO_EVIDENCE,
    NUMBERS,
    WITHHELD,
    period_words,
    title_with_unit,
    words_of,
)

Letters = Callable[[str], str]
Sheet = dict[str, Any]
Pictures = dict[str, tuple[str, ...]]  # by chart name

NOTHING_TO_DRAW: Final = "Nothing to draw: there is no evidence in this period."


def sheet_of(report: Report, pictures: Pictures, letters: Letters) -> Sheet:
    """Everything that is printed, each string through `letters`.

    Args:
        report: what to print.
        pictures: SVG of each chart.
        letters: makes text printable in the medium; SVG does not go through it.
    """
    year = report.period.last.year if report.period.first.year == report.period.last.year else None
    made = {
        "title": report.title,
        "subject": report.subject if report.subject != report.title else "",
        "site": report.site_name if report.site_name != report.subject else "",
        "period": period_words(report.period.first, report.period.last),
        "time_zone": report.period.time_zone,
        "profile": report.policy_profile,
        "k": str(report.k),
        "versions": _versions(report.score_versions),
        "per_student": report.per_student,
        "key_figures": [
            {
                "title": figure.title,
                "value": _key_value(figure),
                "basis": figure.basis,
            }
            for figure in report.key_figures
        ],
        "summary": list(report.summary),
        "left_out": list(report.left_out),
        "sections": [_section(section, year) for section in report.sections],
        "method": _section(report.method, year),
        "privacy": _section(report.privacy, year),
    }
    lettered: Sheet = _through(made, letters)
    _hang(lettered, report, pictures)
    return lettered


def _key_value(figure: KeyFigure) -> str:
    if figure.value is None:
        return "no evidence"
    return words_of(figure.value, figure.unit, figure.decimals)


def _versions(versions: tuple[int, ...]) -> str:
    if not versions:
        return ""
    numbers = [str(version) for version in versions]
    if len(numbers) == 1:
        return f"score version {numbers[0]}"
    return f"score versions {', '.join(numbers[:-1])} and {numbers[-1]}"


def _through(made: Any, letters: Letters) -> Any:  # noqa: ANN401
    if isinstance(made, str):
        return letters(made)
    if isinstance(made, dict):
        return {name: _through(value, letters) for name, value in made.items()}
    if isinstance(made, list):
        return [_through(value, letters) for value in made]
    return made


def _hang(sheet: Sheet, report: Report, pictures: Pictures) -> None:
    """Pictures into their frames: SVG is markup and no text."""
    for section, printed in _both(report, sheet):
        for chart, frame in zip(section.charts, printed["charts"], strict=True):
            frame["svgs"] = list(pictures.get(chart.name, ()))


def _both(report: Report, sheet: Sheet) -> Iterator[tuple[Section, Sheet]]:
    yield from zip(report.sections, sheet["sections"], strict=True)
    yield report.method, sheet["method"]
    yield report.privacy, sheet["privacy"]


def _section(section: Section, year: int | None) -> Sheet:
    return {
        "heading": section.heading,
        "paragraphs": list(section.paragraphs),
        "charts": [_frame(chart, year) for chart in section.charts],
        "tables": [_table(table, year) for table in section.tables],
    }


def _table(table: Table, year: int | None) -> Sheet:
    kept = frozenset(table.withheld)
    rows = [
        [_cell(value, column, year, (r, c) in kept) for c, (column, value) in _pairs(table, row)]
        for r, row in enumerate(table.rows)
    ]
    return {
        "title": table.title,
        "columns": [
            {"title": title_with_unit(c.title, c.unit), "right": c.unit in NUMBERS}
            for c in table.columns
        ],
        "rows": rows,
        "notes": _notes(rows),
        "empty": table.empty,
    }


def _pairs(table: Table, row: tuple[Value, ...]) -> Iterator[tuple[int, tuple[Column, Value]]]:
    return enumerate(zip(table.columns, row, strict=True))


def _cell(value: Value, column: Column, year: int | None, withheld: bool) -> str:
    return words_of(
        value,
        column.unit,
        column.decimals,
        withheld=withheld,
        with_unit=False,
        this_year=year,
    )


def _notes(rows: list[list[str]]) -> str:
    """Explains the words that stand in place of numbers, where there are any."""
    seen = {cell for row in rows for cell in row}
    notes = []
    if NO_EVIDENCE in seen:
        notes.append(f"{NO_EVIDENCE} no evidence")
    if WITHHELD in seen:
        notes.append(f"{WITHHELD}: the group, or what could be worked out from it, is too small")
    return "; ".join(notes)


def _frame(chart: Chart, year: int | None) -> Sheet:
    """A chart's place: its title, its words, and its figures for people who read them."""
    return {
        "title": chart.title,
        "words": chart.words,
        "nothing": NOTHING_TO_DRAW,
        "svgs": [],
        "figures": _table(_figures(chart), year),
    }


def _figures(chart: Chart) -> Table:
    """The chart as a table: a line for each x, with y and n of each series."""
    points = list(dict.fromkeys(x for series in chart.series for x in series.x))
    columns = [Column(name="x", title=chart.x_title)]
    for series in chart.series:
        columns.append(
            Column(name=series.name, title=series.name, unit=chart.unit, decimals=chart.decimals)
        )
        if series.n:
            columns.append(Column(name="n", title=f"n ({chart.n_of})", unit="count"))
    rows, withheld = [], []
    for r, point in enumerate(points):
        row: list[Value] = [point if isinstance(point, str) else f"{point:g}"]
        for series in chart.series:
            y, n, kept = _at(series, point)
            wide = 2 if series.n else 1
            withheld += [(r, len(row) + c) for c in range(wide)] if kept else []
            row += [y, n][:wide]
        rows.append(tuple(row))
    return Table(
        name=chart.name,
        title=chart.title,
        columns=tuple(columns),
        rows=tuple(rows),
        withheld=tuple(withheld),
    )


def _at(series: Series, point: float | str) -> tuple[float | None, int | None, bool]:
    """y, n and whether y is withheld, at an x."""
    if point not in series.x:
        return None, None, False
    i = series.x.index(point)
    y = series.y[i] if i < len(series.y) else None
    return y, series.n[i] if i < len(series.n) else None, i in series.withheld
