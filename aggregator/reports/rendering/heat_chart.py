"""Heat maps: lightness and the number in each cell; hatching where there is nothing to show."""

from __future__ import annotations

from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

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
WITH_N: Final = 10  # columns wide enough for "n 23" below the number
WITH_NUMBERS: Final = 18  # columns wide enough for a number of 8 pt
NOTHING_HATCH: Final = "///"
WITHHELD_HATCH: Final = "xxx"


def heat_figure(chart: Chart) -> Figure:
    """Draws a chart of kind `heat`: one series a row."""
    columns = chart.series[0].x
    figure = new_figure(AROUND_IN + _row_in(chart) * len(chart.series))
    axes: Axes = figure.subplots()
    colors, scale = mpl.colormaps[HEAT_MAP], _scale(chart)
    for row, series in enumerate(chart.series):
        for column in range(len(columns)):
            _cell(axes, chart, series, (column, row), colors, scale)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(len(chart.series) - 0.5, -0.5)
    _ticks(axes, chart)
    bar = figure.colorbar(
        mpl.cm.ScalarMappable(norm=scale, cmap=colors), ax=axes, fraction=0.05, pad=0.02
    )
    bar.outline.set_visible(False)
    title_axis(axes, chart.y_title)
    _legend(figure, chart)
    return figure


def rows_of_a_page(chart: Chart) -> int:
    """How many rows fit in a picture as tall as a page."""
    return int((TALLEST_IN - AROUND_IN) / _row_in(chart))


def _row_in(chart: Chart) -> float:
    return ROW_WITH_N_IN if _with_n(chart) else ROW_IN


def _with_n(chart: Chart) -> bool:
    return len(chart.series[0].x) <= WITH_N and any(series.n for series in chart.series)


def _scale(chart: Chart) -> Normalize:
    limits = y_limits(chart)
    if limits is None:
        seen = [y * factor(chart) for s in chart.series for y in s.y if y is not None]
        limits = (min(seen), max(seen)) if seen else (0.0, 1.0)
    low, high = limits
    return Normalize(low, high if high > low else low + 1.0)


def _cell(
    axes: Axes,
    chart: Chart,
    series: Series,
    at: tuple[int, int],
    colors: Colormap,
    scale: Normalize,
) -> None:
    column, row = at
    y = series.y[column] if column < len(series.y) else None
    kept = column in series.withheld
    face = "white" if y is None else colors(float(scale(y * factor(chart))))
    axes.add_patch(
        Rectangle(
            (column - 0.5, row - 0.5),
            1,
            1,
            facecolor=face,
            edgecolor="white" if y is not None else "#a6a6a6",
            hatch=None if y is not None else WITHHELD_HATCH if kept else NOTHING_HATCH,
            linewidth=1.0 if y is not None else 0.0,
        )
    )
    if y is not None and len(series.x) <= WITH_NUMBERS:
        words = number(y, chart.unit, chart.decimals)
        if _with_n(chart) and column < len(series.n):
            words += f"\nn {series.n[column]}"
        red, green, blue = np.asarray(face)[:3]
        light = 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.45
        axes.text(
            column,
            row,
            words,
            ha="center",
            va="center",
            fontsize=SMALL_PT,
            linespacing=1.15,
            color="black" if light else "white",
        )


def _ticks(axes: Axes, chart: Chart) -> None:
    columns = [str(x) if isinstance(x, str) else f"{x:g}" for x in chart.series[0].x]
    wide = int((WIDTH_IN - 2.2) / len(columns) / 0.085)  # letters over a column
    each = 1 if wide >= 3 else -(-4 // max(wide, 1))
    shown = range(0, len(columns), each)
    axes.set_xticks(shown, [wrapped(columns[i], max(wide * each, 4)) for i in shown])
    axes.set_yticks(
        range(len(chart.series)),
        [wrapped(series.name, 24, lines=2 if _with_n(chart) else 1) for series in chart.series],
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
        Patch(facecolor="white", edgecolor="#a6a6a6", hatch=hatch, label=words)
        for there, hatch, words in shown
        if there
    ]
    if _with_n(chart):
        handles.append(Patch(alpha=0.0, label=f"n: {wrapped(chart.n_of, 24)}"))
    if handles:
        figure.legend(handles=handles, loc="outside lower left", ncols=3)
