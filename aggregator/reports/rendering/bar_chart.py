"""Bars with their number and n written beside them; long names make them lie on their side."""

from __future__ import annotations

from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aggregator.reports.document import Chart, Series
from aggregator.reports.rendering.chart_style import (
    GREY,
    PALE,
    SMALL_PT,
    TALLEST_IN,
    factor,
    new_figure,
    style_of,
    title_axis,
    y_limits,
)
from aggregator.reports.rendering.lettering import on_paper, wrapped
from aggregator.reports.rendering.values import AFTER_VALUE, number

BAR_IN: Final = 0.15  # a bar and its letters of 8 pt
BETWEEN_IN: Final = 0.1
AROUND_IN: Final = 0.95  # axis, its title and legend
UPRIGHT: Final = 10  # this many short names stand beside each other


def bar_figure(chart: Chart) -> Figure:
    """Draws a chart of kind `bars`."""
    return _upright(chart) if stands(chart) else _lying(chart)


def stands(chart: Chart) -> bool:
    """Whether bars stand: few of them, one series, short names."""
    names = chart.series[0].x
    return (
        len(chart.series) == 1
        and len(names) <= UPRIGHT
        and all(len(str(x)) <= 100 // max(len(names), 5) for x in names)
    )


def rows_of_a_page(chart: Chart) -> int:
    """How many names fit in a picture as tall as a page."""
    return int((TALLEST_IN - AROUND_IN) / (BAR_IN * len(chart.series) + BETWEEN_IN))


def _number_of(x: float | str) -> str:
    return x if isinstance(x, str) else f"{x:g}"


def _words(chart: Chart, series: Series, i: int, between: str) -> str:
    y = series.y[i]
    if y is None:
        return "withheld" if i in series.withheld else f"no{between}evidence"
    n = ""
    if i < len(series.n):
        n = f"\nn {series.n[i]}" if between == "\n" else f"  (n {series.n[i]})"
    after = AFTER_VALUE.get(chart.unit, "")
    return number(y, chart.unit, chart.decimals) + after + n


def _heights(chart: Chart, series: Series) -> list[float]:
    return [0.0 if y is None else y * factor(chart) for y in series.y]


def _limits(chart: Chart) -> tuple[float, float]:
    fixed = y_limits(chart)
    if fixed:
        return fixed
    heights = [h for series in chart.series for h in _heights(chart, series)]
    low, high = min(0.0, *heights), max(0.0, *heights)
    return (low, high) if high > low else (0.0, 1.0)


def _upright(chart: Chart) -> Figure:
    figure = new_figure(2.5)
    axes: Axes = figure.subplots()
    series, style = chart.series[0], style_of(0)
    heights = _heights(chart, series)
    axes.bar(range(len(heights)), heights, width=0.6, color=style.color)
    for i, height in enumerate(heights):
        axes.annotate(
            on_lines(_words(chart, series, i, "\n")),
            (i, max(height, 0.0)),
            (0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=SMALL_PT,
            color="black" if series.y[i] is not None else GREY,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )
    width = 80 // max(len(heights), 4)
    axes.set_xticks(range(len(heights)), [wrapped(_number_of(x), width) for x in series.x])
    axes.set_xlim(-0.6, len(heights) - 0.4)
    low, high = _limits(chart)
    axes.set_ylim(low, high + 0.24 * (high - low))
    axes.set_yticks([t for t in axes.get_yticks() if low <= t <= high])
    title_axis(axes, chart.y_title)
    axes.set_xlabel(wrapped(chart.x_title, 80))
    axes.grid(axis="y", color=PALE, linewidth=0.7)
    return figure


def on_lines(words: str) -> str:
    """Letters that the font has, lines kept."""
    return "\n".join(on_paper(line) for line in words.split("\n"))


def _lying(chart: Chart) -> Figure:
    names = chart.series[0].x
    lines = [wrapped(_number_of(x), 30, lines=2 if len(names) <= 25 else 1) for x in names]
    row_in = BAR_IN * len(chart.series) + BETWEEN_IN
    if any("\n" in line for line in lines):
        row_in = max(row_in, 0.32)
    figure = new_figure(AROUND_IN + row_in * len(names))
    axes: Axes = figure.subplots()
    for position, series in enumerate(chart.series):
        _lay(axes, chart, series, position)
    axes.set_yticks(range(len(names)), lines)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    low, high = _limits(chart)
    axes.set_xlim(low, high + 0.2 * (high - low))
    axes.set_xticks([t for t in axes.get_xticks() if low <= t <= high])
    axes.set_xlabel(wrapped(chart.y_title, 80))
    axes.grid(axis="x", color=PALE, linewidth=0.7)
    if len(chart.series) > 1:
        figure.legend(loc="outside lower left", ncols=2)
    return figure


def _lay(axes: Axes, chart: Chart, series: Series, position: int) -> None:
    style, many = style_of(position), len(chart.series)
    thick = 0.8 / many
    heights = _heights(chart, series)
    places = [i - 0.4 + thick * (position + 0.5) for i in range(len(heights))]
    axes.barh(
        places,
        heights,
        height=thick * 0.9,
        color=style.color if not style.hatch else "white",
        edgecolor=style.color,
        hatch=style.hatch,
        linewidth=0.8,
        label=wrapped(series.name, 44),
    )
    for i, (place, height) in enumerate(zip(places, heights, strict=True)):
        axes.annotate(
            on_paper(_words(chart, series, i, " ")),
            (max(height, 0.0), place),
            (3, 0),
            textcoords="offset points",
            va="center_baseline",
            fontsize=SMALL_PT,
            color="black" if series.y[i] is not None else GREY,
        )
