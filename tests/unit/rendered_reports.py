"""Made reports as files, read back: what stands on the page, on the paper and in the tables."""

import datetime as dt
import re
from functools import cache
from html.parser import HTMLParser

import pytest

from aggregator.reports.document import Table
from aggregator.reports.rendering import render
from aggregator.reports.rendering.values import NO_EVIDENCE, WITHHELD
from tests.unit import made_reports
from tests.unit.printed_pages import Printed

NAMES = ("weekly", "empty", "long", "troublesome")
each_report = pytest.mark.parametrize("name", NAMES)


@cache
def files(name):
    return {file.name.rpartition(".")[2]: file for file in render(report(name), ["pdf", "html"])}


@cache
def report(name):
    return getattr(made_reports, name)()


@cache
def printed(name):
    return Printed(files(name)["pdf"].content)


@cache
def page(name):
    seen = Page()
    seen.feed(files(name)["html"].content.decode("utf-8"))
    seen.close()
    return seen


class Page(HTMLParser):
    """Elements with their attributes, and all text; tables as rows of cells."""

    def __init__(self):
        super().__init__()
        self.elements, self.texts, self.rows, self.headings = [], [], [], []
        self._open = None

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
        self._open = tag

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        self.texts.append(data)
        if self._open in {"td", "th"}:
            self.rows[-1][-1] += data
        if self._open and re.fullmatch("h[1-6]", self._open):
            self.headings[-1] = (self.headings[-1][0], self.headings[-1][1] + data)

    @property
    def text(self):
        return "".join(self.texts)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def sections(name):
    made = report(name)
    return (*made.sections, made.method, made.privacy)


def tables(name):
    return [table for section in sections(name) for table in section.tables]


def cell_words(table: Table):
    """Rows as people read them, worked out here again and in another way."""
    for r, row in enumerate(table.rows):
        cells = []
        for c, (column, value) in enumerate(zip(table.columns, row, strict=True)):
            if (r, c) in table.withheld:
                cells.append(WITHHELD)
            elif value is None:
                cells.append(NO_EVIDENCE)
            elif column.unit == "share":
                cells.append(f"{value * 100:.{column.decimals}f}\u00a0%")
            elif column.unit == "time":
                moment = dt.datetime.fromisoformat(value)
                cells.append(moment.strftime("%a\u00a0%-d\u00a0%b, %H:%M"))
            elif column.unit == "date":
                cells.append(dt.date.fromisoformat(value).strftime("%a\u00a0%-d\u00a0%b"))
            elif isinstance(value, str):
                cells.append(value)
            else:
                cells.append(f"{value:,.{column.decimals}f}".replace("-", "−"))
        yield cells
