"""Reports for programs: every table as CSV, everything as JSON; the same numbers as on paper.

CSV is RFC 4180: commas, CRLF, UTF-8, a header of names; numbers have full precision, shares are
0..1, and an empty cell is "no evidence". The last column, `withheld`, names the columns that are
empty because the group is too small. Text that a spreadsheet would run as a formula gets a `'` in
front (OWASP, "CSV Injection").
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from aggregator.reports.document import Chart, Column, Report, Table, Value

JSON_VERSION: Final = 1
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class ReportDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON file.

    Attributes:
        version: of this layout; readers refuse one that they do not know.
    """

    format: str = "facepose-report"
    version: int = JSON_VERSION
    report: Report


def report_json(report: Report) -> bytes:
    """The whole report, indented, with a line's end at its end."""
    return msgspec.json.format(msgspec.json.encode(ReportDocument(report=report)), indent=2) + b"\n"


def read_json(content: bytes) -> Report:
    """The report in a JSON file.

    Raises:
        ValueError: it is none, or of another version of this layout.
    """
    document = msgspec.json.decode(content, type=ReportDocument)
    if (document.format, document.version) != ("facepose-report", JSON_VERSION):
        raise ValueError(
            f"this is {document.format!r} version {document.version}; "
            f"known is facepose-report version {JSON_VERSION}"
        )
    return document.report


def csv_files(report: Report) -> Iterator[tuple[str, bytes]]:
    """(name, content) of the key figures, every table and every chart's figures."""
    yield "key_figures", _csv(_key_figures(report))
    for section in (*report.sections, report.method, report.privacy):
        for table in section.tables:
            yield table.name, _csv(table)
        for chart in section.charts:
            yield f"chart_{chart.name}", _csv(_points(chart))


def _key_figures(report: Report) -> Table:
    names = ("name", "title", "value", "unit", "basis")
    return Table(
        name="key_figures",
        title="Key figures",
        columns=tuple(Column(name=name, title=name) for name in names),
        rows=tuple((f.name, f.title, f.value, f.unit, f.basis) for f in report.key_figures),
    )


def _points(chart: Chart) -> Table:
    """One row a point; a band's ends where the chart has one."""
    rows: list[tuple[Value, ...]] = []
    withheld: list[tuple[int, int]] = []
    for series in chart.series:
        for number, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
            if number in series.withheld:
                withheld.append((len(rows), 2))
            n, low, high = (_at(v, number) for v in (series.n, series.low, series.high))
            rows.append((series.name, x, y, n, low, high))
    names = ("series", "x", "y", "n", "low", "high")
    return Table(
        name=chart.name,
        title=chart.title,
        columns=tuple(Column(name=name, title=name) for name in names),
        rows=tuple(rows),
        withheld=tuple(withheld),
    )


def _at(values: Sequence[float | None], number: int) -> float | None:
    return values[number] if values else None


def _csv(table: Table) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([*(column.name for column in table.columns), "withheld"])
    for number, row in enumerate(table.rows):
        hidden = [table.columns[c].name for r, c in sorted(table.withheld) if r == number]
        writer.writerow([*_cells(row), " ".join(hidden)])
    return out.getvalue().encode()


def _cells(row: Iterable[Value]) -> Iterator[str]:
    for value in row:
        if value is None:
            yield ""
        elif isinstance(value, str):
            yield f"'{value}" if value.startswith(_FORMULA) else value
        else:
            yield repr(value)
