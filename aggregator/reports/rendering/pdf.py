"""PDF by typst: tagged (PDF/UA-1), its own fonts, the same bytes for the same report.

The sheet goes to the template as JSON in `sys.inputs`, so that a name can hold anything: it is
never part of a typst program. The compiler sees no system font, no package and no clock.
"""

from __future__ import annotations

import datetime as dt
import importlib.resources
import json
from functools import cache
from typing import Any, Final, Literal

import typst

from aggregator.reports.rendering.column_widths import laid_out
from aggregator.reports.rendering.lettering import FAMILY, REPLACEMENT, fonts_folder
from aggregator.reports.rendering.sheet import Sheet

Paper = Literal["a4", "us-letter"]
PAGE: Final = 4500  # letters of 9 pt on a page that is not full
LINE: Final = 90  # letters of a line, half of which a paragraph's end wastes
STANDARD: Final = "ua-1"  # typst refuses to write a file that breaks it


def pdf_of(sheet: Sheet, made_for: dt.date, paper: Paper = "a4") -> bytes:
    """The pages of a sheet whose strings went through `lettering.breakable`.

    Args:
        sheet: what to print.
        made_for: the period's last day; the file says that it was made then.
        paper: a4 or us-letter.

    Raises:
        typst.TypstError: the template is wrong; no text of a report can cause it.
    """
    midnight = dt.datetime.combine(made_for, dt.time(), dt.UTC)
    return typst.compile(
        _template(),
        format="pdf",
        font_paths=_fonts(),
        ignore_system_fonts=True,
        sys_inputs={"sheet": _json(sheet), "font": FAMILY, "paper": paper},
        pdf_standards=[STANDARD],
        timestamp=int(midnight.timestamp()),
    )


@cache
def _template() -> bytes:
    return importlib.resources.files(__package__).joinpath("report.typ").read_bytes()


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, font_paths=[str(fonts_folder())])


def _json(sheet: Sheet) -> str:
    """The sheet with the widths of its columns."""
    printed = {**sheet, "replaced": REPLACEMENT in json.dumps(sheet, ensure_ascii=False)}
    printed["closing_fits"] = _fits_a_page(sheet["method"], sheet["privacy"])
    for name in ("sections", "method", "privacy"):
        printed[name] = _measured(sheet[name])
    return json.dumps(printed, ensure_ascii=False)


def _measured(section: Any) -> Any:  # noqa: ANN401
    if isinstance(section, list):
        return [_measured(one) for one in section]
    charts = [{k: v for k, v in chart.items() if k != "figures"} for chart in section["charts"]]
    tables = [laid_out(table) for table in section["tables"]]
    return {**section, "charts": charts, "tables": tables}


def _fits_a_page(*sections: Sheet) -> bool:
    """Whether sections hold paragraphs alone, and not too many."""
    paragraphs = [text for section in sections for text in section["paragraphs"]]
    pictured = any(section["charts"] or section["tables"] for section in sections)
    return not pictured and sum(len(text) + LINE // 2 for text in paragraphs) < PAGE
