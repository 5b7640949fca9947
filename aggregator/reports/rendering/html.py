"""HTML: one file without scripts that asks for nothing from outside; screens, mail and print."""

from __future__ import annotations

import base64
from functools import cache

import jinja2

from aggregator.reports.rendering.sheet import Sheet


def html_of(sheet: Sheet) -> bytes:
    """The page; every string of the sheet is escaped, charts are embedded as data."""
    return _template().render(sheet=sheet).encode("utf-8")


@cache
def _template() -> jinja2.Template:
    surroundings = jinja2.Environment(
        loader=jinja2.PackageLoader("aggregator.reports.rendering", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    surroundings.filters["base64"] = _base64
    return surroundings.get_template("report.html.j2")


def _base64(svg: str) -> str:
    return base64.b64encode(svg.encode("utf-8")).decode("ascii")
