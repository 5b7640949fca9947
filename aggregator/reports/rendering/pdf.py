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

from aggregator.reports.rendering.column_widths import PAPER_PT, widths_of
from aggregator.reports.rendering.lettering import FAMILY, REPLACEMENT, fonts_folder
from aggregator.reports.rendering.sheet import Sheet

Paper = Literal["a4", "us-letter"]
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
    for name in ("sections", "method", "privacy"):
        printed[name] = _measured(sheet[name])
    return json.dumps(printed, ensure_ascii=False)


def _measured(section: Any) -> Any:  # noqa: ANN401
    if isinstance(section, list):
        return [_measured(one) for one in section]
    charts = [{k: v for k, v in chart.items() if k != "figures"} for chart in section["charts"]]
    tables = [_laid_out(table) for table in section["tables"]]
    return {**section, "charts": charts, "tables": tables}


def _laid_out(table: Sheet) -> Sheet:
    widths, needed_pt = widths_of(table)
    return {**table, "widths": widths, "flipped": needed_pt > PAPER_PT}
