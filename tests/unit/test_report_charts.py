"""Charts: nothing clipped, nothing told by colour alone, gaps stay gaps, the same bytes."""

import itertools
import math
from functools import cache
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import msgspec
import pytest
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from aggregator.reports.document import Chart, Series
from aggregator.reports.rendering.chart_style import SMALL_PT, STYLES, TALLEST_IN, rc_params
from aggregator.reports.rendering.charts import FIGURES, parts_of, svgs_of
from aggregator.reports.rendering.lettering import FAMILY, fonts_folder, wrapped
from tests.unit import made_reports

LONG_WORDS = msgspec.structs.replace(
    made_reports.heat(),
    name="long-words",
    series=tuple(
        Series(
            name=f"Geography of the northern provinces, group {row}",
            x=tuple(f"Week that starts on {day} November" for day in range(1, 15)),
            y=(50.0,) * 14,
        )
        for row in range(4)
    ),
)
NEGATIVE = msgspec.structs.replace(
    made_reports.uptime(),
    name="negative",
    unit="points",
    y_range=None,
    series=(Series(name="Change", x=("a", "b", "c"), y=(-4.5, 3.25, 0.0), n=(4, 5, 6)),),
)
ONE_POINT = msgspec.structs.replace(
    made_reports.trend(),
    name="one-point",
    series=(Series(name="This week", x=("2 Nov",), y=(61.0,), n=(7,)),),
)
TERM = msgspec.structs.replace(
    made_reports.trend(),
    name="term",
    series=(
        Series(
            name="Term",
            x=tuple(f"Mon {day} Sep 2026" for day in range(1, 31)),
            y=tuple(60.0 + day for day in range(30)),
            n=(9,) * 30,
        ),
    ),
)
WIDE = msgspec.structs.replace(
    made_reports.heat(),
    name="wide",
    series=tuple(
        Series(name=f"Room {row}", x=tuple(float(m) for m in range(60)), y=(float(row),) * 60)
        for row in range(45)
    ),
)
CHARTS: tuple[Chart, ...] = (
    made_reports.curve(),
    made_reports.trend(),
    made_reports.uptime(),
    made_reports.heat(),
    made_reports.long().sections[0].charts[0],
    *(chart for section in made_reports.troublesome().sections for chart in section.charts),
    LONG_WORDS,
    NEGATIVE,
    ONE_POINT,
    TERM,
    WIDE,
)
BY_NAME = {chart.name: chart for chart in CHARTS}
each_chart = pytest.mark.parametrize("name", BY_NAME)


class Drawn(NamedTuple):
    """A figure and the texts that its drawing drew, with their boxes."""

    figure: Figure
    texts: list[tuple[Text, Bbox]]


@cache
def drawn(name):
    """Figures of a chart, laid out and drawn once for all tests."""
    made = []
    with mpl.rc_context(rc_params()):
        for part in parts_of(BY_NAME[name]):
            figure = FIGURES[part.kind](part)
            figure.draw_without_rendering()  # lays it out
            made.append(Drawn(figure, list(_texts(figure))))
    return made


def _texts(figure):
    seen = {}

    def note(text, renderer, draw=Text.draw):
        if text.get_visible() and text.get_text().strip():
            seen[id(text)] = (text, text.get_window_extent(renderer))
        return draw(text, renderer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", note)
        figure.draw_without_rendering()
    return seen.values()


def words_of(name):
    return [text.get_text() for one in drawn(name) for text, _ in one.texts]


@each_chart
def test_no_label_is_clipped_and_none_is_smaller_than_8_pt(name):
    for figure, texts in drawn(name):
        assert texts
        for text, box in texts:
            inside = (
                box.x0 >= -0.5
                and box.y0 >= -0.5
                and box.x1 <= figure.bbox.x1 + 0.5
                and box.y1 <= figure.bbox.y1 + 0.5
            )
            assert inside, (text.get_text(), box, figure.bbox)
            assert text.get_fontsize() >= SMALL_PT


@each_chart
def test_no_two_texts_run_into_each_other(name):
    for _, texts in drawn(name):
        for (one, box), (other, other_box) in itertools.combinations(texts, 2):
            overlap = Bbox.intersection(box, other_box)
            # boxes hold room for accents: a hair of overlap is none of letters
            clash = overlap is not None and overlap.width > 1.0 and overlap.height > 2.0
            assert not clash, (one.get_text(), other.get_text())


@each_chart
def test_a_picture_fits_on_a_page(name):
    for figure, _ in drawn(name):
        assert figure.get_size_inches()[1] <= TALLEST_IN


def test_a_gap_is_a_gap_and_a_lone_point_is_marked():
    ((figure, _),) = drawn("curve")
    (line,) = figure.axes[0].lines[:1]
    heights = list(line.get_ydata())
    assert [i for i, y in enumerate(heights) if math.isnan(y)] == [30, 31, 32, 33, 35]
    assert 34 in line.get_markevery()


def test_a_share_is_drawn_in_per_cent():
    ((figure, _),) = drawn("uptime")
    assert [round(bar.get_height(), 1) for bar in figure.axes[0].patches] == [
        99.8,
        99.3,
        87.1,
        0.0,
        100.0,
    ]
    words = words_of("uptime")
    assert "87.1\u00a0%\nn 18" in words
    assert "no\nevidence" in words


def test_lines_differ_without_colour_and_so_do_bars():
    assert len({(str(s.dash), s.marker) for s in STYLES}) == len(STYLES)
    assert len({s.hatch for s in STYLES}) == len(STYLES)


def test_n_is_shown_for_every_kind():
    said = {chart.name: " | ".join(words_of(chart.name)) for chart in CHARTS[:4]}
    assert "n 13–23 lessons" in said["curve"]
    assert "n (lessons)" in said["curve"]
    assert "n 2–3 lessons" in said["trend"].replace("\n", " ")
    assert "n 18" in said["uptime"]
    assert "80\nn 3" in said["hours"]


def test_a_withheld_cell_differs_from_one_without_evidence_and_hides_its_n():
    ((figure, _),) = drawn("hours")
    axes = figure.axes[0]
    nothing, withheld = axes.patches
    assert (nothing.get_hatch(), withheld.get_hatch()) == ("///", "xxx")
    assert withheld.get_path().contains_point((2, 2))  # Wednesday, 10:00
    assert nothing.get_path().contains_point((3, 0))  # Monday, 11:00
    for shape in (nothing, withheld):
        assert not shape.get_path().contains_point((0, 0))  # Monday, 8:00
    assert not nothing.get_path().contains_point((2, 2))
    assert (2, 2) not in {t.get_position() for t in axes.texts}
    legend = [t.get_text() for t in figure.legends[0].get_texts()]
    assert legend == ["no evidence", "withheld: small group", "n: lessons"]


def test_letters_on_a_cell_have_contrast_in_grey():
    for name in ("long-words", "hours"):
        axes = drawn(name)[0].figure.axes[0]
        mesh = axes.collections[0]
        for text in axes.texts:
            value = mesh.get_array()[text.get_position()[::-1]]
            cell = _luminance(mesh.to_rgba(value))
            ink = 0.0 if text.get_color() == "black" else 1.0
            light, dark = max(cell, ink), min(cell, ink)
            assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2.2, 1.4.3


def _luminance(color):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_chart_without_a_figure_is_not_drawn():
    for section in made_reports.empty().sections:
        for chart in section.charts:
            assert svgs_of(chart) == ()


def test_long_charts_are_cut_into_parts_that_lose_nothing():
    rooms = made_reports.long().sections[0].charts[0]
    parts = parts_of(rooms)
    assert len(parts) > 1
    assert tuple(x for part in parts for x in part.series[0].x) == rooms.series[0].x
    assert tuple(y for part in parts for y in part.series[1].y) == rooms.series[1].y
    assert [len(part.series[0].x) for part in parts] == [20, 20, 20]
    assert sum(len(part.series) for part in parts_of(WIDE)) == 45


def test_withheld_bars_stay_withheld_in_their_part():
    rooms = made_reports.long().sections[0].charts[0]
    first = msgspec.structs.replace(
        rooms.series[0], y=(*rooms.series[0].y[:45], None, *rooms.series[0].y[46:]), withheld=(45,)
    )
    parts = parts_of(msgspec.structs.replace(rooms, series=(first, rooms.series[1])))
    assert [part.series[0].withheld for part in parts] == [(), (), (5,)]


def test_a_picture_says_when_it_was_made_nowhere_and_holds_no_script():
    (svg,) = svgs_of(made_reports.curve())
    assert "<dc:date>" not in svg
    assert "matplotlib.org" not in svg.partition("</metadata>")[0].lower()
    for chart in CHARTS[5:8]:
        for picture in svgs_of(chart):
            assert "<script" not in picture
            assert "<text" not in picture  # letters are outlines: no font is asked for


def test_letters_come_from_the_font_that_matplotlib_brings():
    assert Path(findfont(FAMILY)).parent == fonts_folder()  # and not from the machine's own


def test_a_label_that_is_cut_ends_in_an_ellipsis():
    assert wrapped("Physics laboratory", 10) == "Physics\nlaboratory"
    assert wrapped("one two three four", 5, lines=2) == "one\ntwo…"
    assert wrapped("x" * 30, 10, lines=2) == "xxxxxxxxxx\nxxxxxxxxx…"
