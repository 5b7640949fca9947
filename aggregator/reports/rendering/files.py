"""A report as files: one HTML, one PDF, one JSON, and a CSV of each table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Final, Literal

import msgspec

from aggregator.reports.document import Chart, Report
from aggregator.reports.rendering.charts import svgs_of
from aggregator.reports.rendering.html import html_of
from aggregator.reports.rendering.lettering import breakable, clean
from aggregator.reports.rendering.pdf import Paper, pdf_of
from aggregator.reports.rendering.sheet import Pictures, sheet_of
from aggregator.reports.tables_out import csv_files, report_json

Format = Literal["html", "pdf", "csv", "json"]
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")  # in a file's name, on any system
FORMATS: Final[tuple[Format, ...]] = ("html", "pdf", "csv", "json")


class ReportFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file to deliver; the same report makes the same bytes."""

    name: str
    media_type: str
    content: bytes


def render(report: Report, formats: Iterable[Format], *, paper: Paper = "a4") -> list[ReportFile]:
    """Makes the files of a report, in the order of `FORMATS`.

    Raises:
        ValueError: a format that is not known.
    """
    wanted = frozenset(formats)
    unknown = sorted(wanted - frozenset(FORMATS))
    if unknown:
        raise ValueError(f"unknown report format {', '.join(unknown)}: choose of {FORMATS}")
    press = _Press(report, paper)
    return [file for kind in FORMATS if kind in wanted for file in press.files(kind)]


class _Press:
    """Draws each chart once for all formats."""

    def __init__(self, report: Report, paper: Paper) -> None:
        self.report = report
        self.paper = paper
        period = report.period
        self.stem = f"{report.report_id}_{period.first.isoformat()}_{period.last.isoformat()}"

    @cached_property
    def pictures(self) -> Pictures:
        return {chart.name: svgs_of(chart) for chart in _charts(self.report)}

    def files(self, kind: Format) -> Iterator[ReportFile]:
        if kind == "html":
            sheet = sheet_of(self.report, self.pictures, clean)
            yield self._file(".html", "text/html; charset=utf-8", html_of(sheet))
        elif kind == "pdf":
            sheet = sheet_of(self.report, self.pictures, breakable)
            content = pdf_of(sheet, self.report.period.last, self.paper)
            yield self._file(".pdf", "application/pdf", content)
        elif kind == "json":
            yield self._file(".json", "application/json", report_json(self.report))
        else:
            for name, content in csv_files(self.report):
                yield self._file(f"_{name}.csv", "text/csv; charset=utf-8", content)

    def _file(self, ending: str, media_type: str, content: bytes) -> ReportFile:
        name = _UNSAFE.sub("-", self.stem + ending)
        return ReportFile(name=name, media_type=media_type, content=content)


def _charts(report: Report) -> Iterator[Chart]:
    for section in (*report.sections, report.method, report.privacy):
        yield from section.charts
