"""Charts as SVG: the same figures give the same bytes, on any machine and at any time."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

import matplotlib as mpl
import msgspec
from matplotlib.figure import Figure

from aggregator.reports.document import Chart, Series
from aggregator.reports.rendering.bar_chart import bar_figure, stands
from aggregator.reports.rendering.bar_chart import rows_of_a_page as bars_of_a_page
from aggregator.reports.rendering.chart_style import rc_params
from aggregator.reports.rendering.heat_chart import heat_figure
from aggregator.reports.rendering.heat_chart import rows_of_a_page as heat_rows_of_a_page
from aggregator.reports.rendering.lettering import clean
from aggregator.reports.rendering.line_chart import line_figure

FIGURES: Final[dict[str, Callable[[Chart], Figure]]] = {
    "line": line_figure,
    "bars": bar_figure,
    "heat": heat_figure,
}
LINES_OF_A_PICTURE: Final = 7  # more lines than styles could not be told apart
_ONE_AT_A_TIME = threading.Lock()  # matplotlib's settings belong to the process


def svgs_of(chart: Chart) -> tuple[str, ...]:
    """Pictures of a chart: none without a figure, more than one if it is longer than a page."""
    with _ONE_AT_A_TIME, mpl.rc_context(rc_params()):
        return tuple(_svg(FIGURES[part.kind](part), part) for part in parts_of(chart))


def parts_of(chart: Chart) -> tuple[Chart, ...]:
    """The chart in pieces that fit on a page each; nothing where it has no figure to show."""
    if not any(y is not None for series in chart.series for y in series.y):
        return ()
    return tuple(_cut(chart))


def _cut(chart: Chart) -> Iterator[Chart]:
    if chart.kind == "line":
        for some in _pieces(len(chart.series), LINES_OF_A_PICTURE):
            yield msgspec.structs.replace(chart, series=chart.series[some])
    elif chart.kind == "heat":
        for some in _pieces(len(chart.series), heat_rows_of_a_page(chart)):
            yield msgspec.structs.replace(chart, series=chart.series[some])
    elif stands(chart):
        yield chart
    else:
        for some in _pieces(len(chart.series[0].x), bars_of_a_page(chart)):
            cut = tuple(_some_bars(series, some) for series in chart.series)
            yield msgspec.structs.replace(chart, series=cut)


def _pieces(length: int, longest: int) -> Iterator[slice]:
    """Slices of about equal length, none longer than `longest`."""
    many = -(-length // longest)
    ends = [round(length * i / many) for i in range(many + 1)]
    for first, last in pairwise(ends):
        yield slice(first, last)


def _some_bars(series: Series, some: slice) -> Series:
    return msgspec.structs.replace(
        series,
        x=series.x[some],
        y=series.y[some],
        n=series.n[some],
        withheld=tuple(i - some.start for i in series.withheld if some.start <= i < some.stop),
    )


def _svg(figure: Figure, chart: Chart) -> str:
    drawn = io.BytesIO()
    about = {"Title": clean(chart.title), "Description": clean(chart.words)}
    figure.savefig(drawn, format="svg", metadata={**about, "Date": None, "Creator": None})
    return drawn.getvalue().decode("utf-8")
