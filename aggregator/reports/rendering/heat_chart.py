"""Heat maps: lightness and the number in each cell; hatching where there is nothing to show."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from numpy.typing import NDArray

from aggregator.reports.document import Chart, Series
from aggregator.reports.rendering.chart_style import (
    HEAT_MAP,
    SMALL_PT,
    TALLEST_IN,
    WIDTH_IN,
    factor,
    new_figure,
    title_axis,
    y_limits,
)
from aggregator.reports.rendering.lettering import wrapped
from aggregator.reports.rendering.values import number

ROW_IN: Final = 0.27
ROW_WITH_N_IN: Final = 0.42
AROUND_IN: Final = 1.25
LETTER_IN: Final = 0.083  # of an 8.5 pt letter, about
LABEL: Final = 24  # letters of a row's name in a line
WITH_N: Final = 14  # columns wide enough for "n 23" below the number
WITH_NUMBERS: Final = 18  # columns wide enough for a number of 8 pt
HATCH: Final = "#a6a6a6"
NOTHING_HATCH: Final = "///"
WITHHELD_HATCH: Final = "xxx"


def heat_figure(chart: Chart) -> Figure:
    """Draws a chart of kind `heat`: one series a row."""
    figure = new_figure(AROUND_IN + _row_in(chart) * len(chart.series))
    axes: Axes = figure.subplots()
    cells = np.array([_row(chart, series) for series in chart.series])
    rows, columns = cells.shape
    mesh = axes.pcolormesh(
        np.arange(columns + 1) - 0.5,
        np.arange(rows + 1) - 0.5,
        np.ma.masked_invalid(cells),
        cmap=HEAT_MAP,
        norm=_scale(chart, cells),
        edgecolors="white",
        linewidth=1.0,
    )
    _hatch(axes, chart, cells)
    if columns <= WITH_NUMBERS:
        _letter(axes, chart, mesh)
    axes.set_ylim(rows - 0.5, -0.5)
    _ticks(axes, chart)
    bar = figure.colorbar(mesh, ax=axes, fraction=0.05, pad=0.02, drawedges=False)
    bar.outline.set_visible(False)
    title_axis(axes, chart.y_title)
    _legend(figure, chart)
    return figure


def _row(chart: Chart, series: Series) -> list[float]:
    """Values as drawn, NaN where there is none, as many as the chart has columns."""
    missing = len(chart.series[0].x) - len(series.y)
    return [math.nan if y is None else y * factor(chart) for y in (*series.y, *(None,) * missing)]


def rows_of_a_page(chart: Chart) -> int:
    """How many rows fit in a picture as tall as a page."""
    return int((TALLEST_IN - AROUND_IN) / _row_in(chart))


def _row_in(chart: Chart) -> float:
    return ROW_WITH_N_IN if _two_lines(chart) else ROW_IN


def _two_lines(chart: Chart) -> bool:
    return _with_n(chart) or any(len(series.name) > LABEL for series in chart.series)


def _with_n(chart: Chart) -> bool:
    return len(chart.series[0].x) <= WITH_N and any(series.n for series in chart.series)


def _scale(chart: Chart, cells: NDArray[np.float64]) -> Normalize:
    limits = y_limits(chart)
    low, high = limits or (float(np.nanmin(cells)), float(np.nanmax(cells)))
    return Normalize(low, high if high > low else low + 1.0)


def _letter(axes: Axes, chart: Chart, mesh: QuadMesh) -> None:
    """Writes the number into each cell that has one."""
    for row, series in enumerate(chart.series):
        for column, y in enumerate(series.y):
            if y is None:
                continue
            words = number(y, chart.unit, chart.decimals)
            if _with_n(chart) and column < len(series.n):
                words += f"\nn {series.n[column]}"
            axes.text(
                column,
                row,
                words,
                ha="center",
                va="center",
                fontsize=SMALL_PT,
                linespacing=1.15,
                color=_ink(mesh.to_rgba(np.array([y * factor(chart)]))[0]),
            )


def _hatch(axes: Axes, chart: Chart, cells: NDArray[np.float64]) -> None:
    """One shape of all cells without evidence, and one of all that are withheld."""
    kept = np.zeros(cells.shape, dtype=bool)
    for row, series in enumerate(chart.series):
        kept[row, list(series.withheld)] = True
    empty = np.isnan(cells)
    for which, hatch in ((empty & ~kept, NOTHING_HATCH), (empty & kept, WITHHELD_HATCH)):
        squares = [_square(column, row) for row, column in np.argwhere(which)]
        if squares:
            whole = Path.make_compound_path(*squares)
            look = PathPatch(whole, facecolor="white", edgecolor=HATCH, hatch=hatch, linewidth=0)
            axes.add_patch(look)


def _square(column: int, row: int) -> Path:
    corners = [
        (column + x, row + y) for x, y in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
    ]
    return Path([*corners, corners[0]], closed=True)


def _ink(face: NDArray[np.float64]) -> str:
    """Black or white, whichever is easier to read on a colour (WCAG 2.2, relative luminance)."""
    linear = np.where(face <= 0.04045, face / 12.92, ((face + 0.055) / 1.055) ** 2.4)
    luminance = float(linear[:3] @ np.array([0.2126, 0.7152, 0.0722]))
    return "black" if luminance > 0.179 else "white"


def _ticks(axes: Axes, chart: Chart) -> None:
    columns = [str(x) if isinstance(x, str) else f"{x:g}" for x in chart.series[0].x]
    longest = max(len(series.name) for series in chart.series)
    room_in = WIDTH_IN - 1.1 - LETTER_IN * min(longest, LABEL)
    letters = max(1, int(room_in / len(columns) / LETTER_IN))  # over a column
    word = max(len(word) for name in columns for word in name.split() or [""])
    each = max(1, -(-min(word + 1, 12) // letters))
    shown = range(0, len(columns), each)
    axes.set_xticks(shown, [wrapped(columns[i], letters * each) for i in shown])
    axes.set_yticks(
        range(len(chart.series)),
        [
            wrapped(series.name, LABEL, lines=2 if _two_lines(chart) else 1)
            for series in chart.series
        ],
    )
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel(wrapped(chart.x_title, 60))


def _legend(figure: Figure, chart: Chart) -> None:
    kept = any(series.withheld for series in chart.series)
    gaps = any(
        y is None and i not in series.withheld
        for series in chart.series
        for i, y in enumerate(series.y)
    )
    shown = [(gaps, NOTHING_HATCH, "no evidence"), (kept, WITHHELD_HATCH, "withheld: small group")]
    handles = [
        Patch(facecolor="white", edgecolor=HATCH, hatch=hatch, label=words)
        for there, hatch, words in shown
        if there
    ]
    if _with_n(chart):
        handles.append(Patch(alpha=0.0, label=f"n: {wrapped(chart.n_of, 24)}"))
    if handles:
        figure.legend(handles=handles, loc="outside lower left", ncols=3)
