"""What all charts share: size on paper, letters, and styles that work in colour and in grey.

Colours are those of Okabe and Ito (2008), "Color Universal Design", which people with any common
colour blindness can tell apart; lines also differ by dash and marker, bars by hatching, so that
nothing rests on colour alone. Heat maps use cividis (Nuñez et al. 2018), whose lightness rises
evenly, so that it reads the same in grey.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, cast

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from aggregator.reports.document import Chart, Series
from aggregator.reports.rendering.lettering import FAMILY, on_paper, wrapped

WIDTH_IN: Final = 6.85  # 174 mm: A4 and Letter between their margins
TALLEST_IN: Final = 9.1  # of a chart: the rest of its page holds title and heading
SMALL_PT: Final = 8.0  # nothing is smaller on paper
GREY: Final = "#595959"  # 7:1 on white
PALE: Final = "#d9d9d9"
HEAT_MAP: Final = "cividis"
SALT: Final = "facepose report"  # matplotlib makes the ids in a picture from it

RC: Final[dict[str, Any]] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.formatter.use_locale": False,
    "axes.grid": False,
    "axes.labelsize": 9.0,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "figure.dpi": 72.0,
    "figure.facecolor": "white",
    "font.family": [FAMILY],
    "font.size": 9.0,
    "hatch.linewidth": 0.6,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "path.simplify": False,
    "svg.fonttype": "path",  # the same letters in a browser, a mail and a PDF
    "svg.hashsalt": SALT,
    "text.parse_math": False,  # a class called "$x$" is no formula
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
}
_LEFT_ALONE: Final = ("backend", "interactive", "toolbar", "webagg", "tk.", "savefig.directory")


def rc_params() -> Any:  # noqa: ANN401 - matplotlib types its settings by a literal of 400 names
    """Ours over matplotlib's defaults: a person's own matplotlibrc changes no report."""
    defaults: dict[str, Any] = dict(cast("Any", mpl.rcParamsDefault))
    kept = {name: v for name, v in defaults.items() if not name.startswith(_LEFT_ALONE)}
    return {**kept, **RC}


class Style(NamedTuple):
    """How one series looks."""

    color: str
    dash: str | tuple[int, tuple[float, ...]]
    marker: str
    hatch: str


STYLES: Final = (
    Style("#0072B2", "-", "o", ""),  # blue
    Style("#D55E00", "--", "s", "////"),  # vermilion
    Style("#009E73", (0, (1, 1.2)), "^", "...."),  # bluish green
    Style("#000000", "-.", "D", "xxxx"),
    Style("#CC79A7", (0, (6, 2, 1, 2, 1, 2)), "v", "\\\\\\\\"),  # reddish purple
    Style("#56B4E9", (0, (8, 3)), "P", "++++"),  # sky blue
    Style("#E69F00", (0, (3, 1, 1, 1)), "X", "oooo"),  # orange
)


def style_of(position: int) -> Style:
    """Of the series at a position; seven, then again from the first."""
    return STYLES[position % len(STYLES)]


def factor(chart: Chart) -> float:
    """From the report's figures to those on the axis: a share is drawn in per cent."""
    return 100.0 if chart.unit == "share" else 1.0


def y_limits(chart: Chart) -> tuple[float, float] | None:
    """The axis' range as drawn."""
    if chart.y_range is None:
        return None
    low, high = chart.y_range
    return low * factor(chart), high * factor(chart)


def n_words(series: Series, n_of: str) -> str:
    """`n 3–5 lessons`: what a series stands on, or nothing where it does not say."""
    counts = [n for n, y in zip(series.n, series.y, strict=False) if y is not None]
    if not counts:
        return ""
    low, high = min(counts), max(counts)
    spread = f"{low}" if low == high else f"{low}–{high}"
    return f"n {spread} {on_paper(n_of)}".rstrip()


def title_axis(axes: Axes, words: str, rows_between: int = 0) -> None:
    """What the upright axis (or the colour) is, above the picture: nobody turns their head."""
    axes.set_title(
        wrapped(words, 90), loc="left", fontsize=9.0, color=GREY, pad=5 + 12 * rows_between
    )


def new_figure(height_in: float) -> Figure:
    """A figure that no global state knows."""
    around = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06)
    return Figure(figsize=(WIDTH_IN, height_in), layout=around)
