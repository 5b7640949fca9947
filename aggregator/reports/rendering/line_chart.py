"""Lines: gaps where there is no evidence, a band, marks, and what each point stands on."""

from __future__ import annotations

import math
from typing import Final

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from aggregator.reports.document import Chart, Series
from aggregator.reports.rendering.chart_style import (
    GREY,
    PALE,
    SMALL_PT,
    WIDTH_IN,
    factor,
    n_words,
    new_figure,
    style_of,
    title_axis,
    y_limits,
)
from aggregator.reports.rendering.lettering import on_paper, wrapped
from aggregator.reports.rendering.values import number

FEW: Final = 12  # points of which each can have its number written beside it
LETTER_IN: Final = 0.083  # of an 8.5 pt letter, about
LEGEND_LINE_IN: Final = 0.17
Point = float | str


def line_figure(chart: Chart) -> Figure:
    """Draws a chart of kind `line`."""
    points = _points(chart)
    counted = len(chart.series) == 1 and bool(chart.series[0].n) and len(points) > FEW
    legend = _legend_names(chart)
    figure = new_figure((2.9 if counted else 2.4) + LEGEND_LINE_IN * _lines_of(legend))
    rows = figure.subplots(
        2 if counted else 1,
        1,
        sharex=True,
        squeeze=False,
        height_ratios=(5, 1) if counted else None,
    )
    axes: Axes = rows[0][0]
    for position, series in enumerate(chart.series):
        _draw(axes, chart, series, position, points)
    if counted:
        _count(rows[1][0], chart, points)
    _finish(axes, rows[-1][0], chart, points)
    _legend(figure, axes, chart, legend)
    return figure


def _points(chart: Chart) -> list[Point]:
    """Every x of all series: numbers in order, words in the order in which they come."""
    found = list(dict.fromkeys(x for series in chart.series for x in series.x))
    if all(not isinstance(x, str) for x in found):
        return sorted(found, key=float)
    return found


def _place(x: Point, points: list[Point]) -> float:
    return float(points.index(x)) if isinstance(x, str) else float(x)


def _floats(values: tuple[float | None, ...], by: float) -> list[float]:
    return [math.nan if value is None else value * by for value in values]


def _draw(axes: Axes, chart: Chart, series: Series, position: int, points: list[Point]) -> None:
    style = style_of(position)
    places = [_place(x, points) for x in series.x]
    heights = _floats(series.y, factor(chart))
    if series.low and series.high:
        low, high = _floats(series.low, factor(chart)), _floats(series.high, factor(chart))
        axes.fill_between(places, low, high, color=style.color, alpha=0.18, linewidth=0)
    each = max(1, len(places) // 10)
    axes.plot(
        places,
        heights,
        color=style.color,
        linestyle=style.dash,
        marker=style.marker,
        markersize=4.5,
        markevery=_marked(heights, each),
        linewidth=1.6,
    )
    if len(chart.series) == 1 and len(points) <= FEW:
        for x, y in zip(places, heights, strict=False):
            if not math.isnan(y):
                _write(axes, x, y, number(y / factor(chart), chart.unit, chart.decimals))


def _write(axes: Axes, x: float, y: float, words: str) -> None:
    axes.annotate(words, (x, y), (0, 6), textcoords="offset points", ha="center", fontsize=SMALL_PT)


def _marked(heights: list[float], each: int) -> list[int]:
    """Every so many points, and each that has no neighbour and so no line."""
    here = [not math.isnan(y) for y in heights]
    lone = [
        i
        for i, seen in enumerate(here)
        if seen and not any(here[max(0, i - 1) : i]) and not any(here[i + 1 : i + 2])
    ]
    return sorted({*range(0, len(heights), each), *lone})


def _name(chart: Chart, series: Series) -> str:
    n = n_words(series, chart.n_of)
    return wrapped(f"{series.name} ({n})" if n else series.name, 44)


def _count(axes: Axes, chart: Chart, points: list[Point]) -> None:
    """A strip below the curve: how many lessons each point stands on."""
    series = chart.series[0]
    axes.bar(
        [_place(x, points) for x in series.x[: len(series.n)]], series.n, width=0.8, color=GREY
    )
    axes.set_title(f"n ({on_paper(chart.n_of)})", loc="left", fontsize=SMALL_PT, color=GREY, pad=3)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=2, integer=True))
    axes.set_ylim(bottom=0)


def _finish(axes: Axes, lowest: Axes, chart: Chart, points: list[Point]) -> None:
    axes.grid(axis="y", color=PALE, linewidth=0.7)
    title_axis(axes, chart.y_title, rows_between=len(chart.marks))
    lowest.set_xlabel(wrapped(chart.x_title, 80))
    limits = y_limits(chart)
    if limits:
        axes.set_ylim(*limits)
    else:
        axes.margins(y=0.15)
    _ticks(lowest, chart, points)
    for row, (x, words) in enumerate(chart.marks):
        if not isinstance(x, str) or x in points:
            _mark(axes, _place(x, points), words, row)


def _ticks(axes: Axes, chart: Chart, points: list[Point]) -> None:
    if not any(isinstance(x, str) for x in points):
        axes.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True, steps=[1, 2, 5, 10]))
        return
    one = chart.series[0]
    n_of: dict[Point, str] = {}
    if len(chart.series) == 1:
        n_of = {
            x: "withheld" if i in one.withheld else f"n {n}"
            for i, (x, n) in enumerate(zip(one.x, one.n, strict=False))
        }
    longest = max(len(str(x)) for x in points)
    fitting = max(2, int((WIDTH_IN - 1) / (min(longest, 14) * LETTER_IN + 0.1)))
    each = math.ceil(len(points) / fitting)
    shown = list(range(0, len(points), each))
    labels = [wrapped(str(points[i]), 14, lines=2) for i in shown]
    if n_of and len(points) <= FEW:
        labels = [f"{t}\n{n_of.get(points[i], '')}" for i, t in zip(shown, labels, strict=True)]
    axes.set_xticks(shown, labels)
    axes.set_xlim(-0.5, len(points) - 0.5)


def _mark(axes: Axes, x: float, words: str, row: int) -> None:
    """A vertical line; its words stand above the picture, where no line runs."""
    axes.axvline(x, color=GREY, linestyle=(0, (4, 3)), linewidth=1.0)
    axes.annotate(
        wrapped(words, 40),
        (x, 1.0),
        (0, 3 + 11 * row),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="center",
        fontsize=SMALL_PT,
        color=GREY,
    )


def _legend_names(chart: Chart) -> list[str]:
    """What stands below the picture, where there is more than one line or a band to explain."""
    names = [_name(chart, series) for series in chart.series]
    if chart.band and any(series.low and series.high for series in chart.series):
        names.append(wrapped(chart.band, 44))
    return names if len(names) > 1 else []


def _columns(names: list[str]) -> int:
    return 1 if any("\n" in name for name in names) else 2


def _lines_of(names: list[str]) -> int:
    if _columns(names) == 1:
        return sum(name.count("\n") + 1 for name in names)
    return -(-len(names) // 2)


def _legend(figure: Figure, axes: Axes, chart: Chart, names: list[str]) -> None:
    if not names:
        return
    handles: list[Artist] = [*axes.lines[: len(chart.series)]]
    if len(names) > len(handles):
        color = style_of(0).color if len(chart.series) == 1 else GREY
        handles.append(Patch(color=color, alpha=0.18, linewidth=0))
    figure.legend(handles, names, loc="outside lower left", ncols=_columns(names), handlelength=3.6)
