"""Reports on paper: tagged, no page wasted, and tables that break where readers can follow."""

import re

import msgspec
import pytest

from aggregator.reports.rendering import render
from aggregator.reports.rendering.column_widths import PAPER_PT, laid_out
from aggregator.reports.rendering.lettering import breakable, on_paper
from aggregator.reports.rendering.sheet import sheet_of
from aggregator.reports.rendering.values import WITHHELD
from tests.unit import made_figures
from tests.unit.printed_pages import Printed, bare
from tests.unit.rendered_reports import (
    cell_words,
    each_report,
    page,
    printed,
    report,
    sections,
    tables,
)


@each_report
def test_pdf_is_tagged_and_says_its_language_and_title(name):
    seen = printed(name)
    assert seen.tagged
    assert seen.language == "en"
    assert bare(on_paper(report(name).title)) in bare(seen.title)
    kinds = [tag.kind for tags in seen.tags for tag in tags]
    assert kinds.count("H1") == len(sections(name)) + 1  # and "In short"
    assert kinds.count("Figure") == len(page(name).all("img"))
    alts = [tag.alt for tags in seen.tags for tag in tags if tag.kind == "Figure"]
    assert [bare(alt) for alt in alts] == [bare(image["alt"]) for image in page(name).all("img")]
    filled = [table for table in tables(name) if table.rows]
    assert kinds.count("TH") >= sum(len(table.columns) for table in filled)


@each_report
def test_reports_have_no_page_too_many(name):
    most = {"weekly": 4, "empty": 1, "long": 7, "troublesome": 5}[name]
    assert len(printed(name).texts) <= most
    for i, text in enumerate(printed(name).texts):
        assert f"page{i + 1}of{len(printed(name).texts)}" in text
        pictured = any(tag.kind == "Figure" for tag in printed(name).tags[i])
        assert pictured or len(_content(text)) > 120  # nothing stands alone on a page


def _content(text):
    """A page without its footer and header."""
    footer = re.escape(bare("FacePose Classroom · policy profile")) + r".*?page\d+of\d+"
    return re.sub(footer, "", text)


@each_report
def test_no_heading_no_title_and_no_header_of_a_table_stands_at_the_end_of_a_page(name):
    for tags in printed(name).tags:
        kinds = [tag.kind for tag in tags if tag.kind != "Span"]
        assert kinds[-1] not in {"H1", "Caption", "TH", "THead"}


def test_the_header_of_a_table_stands_on_each_of_its_pages():
    table = report("long").sections[1].tables[0]
    places = [
        i
        for i, tags in enumerate(printed("long").tags)
        if sum(tag.kind == "TR" for tag in tags) > 20
    ]
    assert len(places) == 2
    for i in places:
        for column in table.columns:
            for word in column.title.split():
                assert word in printed("long").texts[i]


def test_privacy_stands_at_the_end():
    for name in ("weekly", "long"):
        last = _content(printed(name).texts[-1])
        assert bare(report(name).privacy.heading) in last
        assert last.endswith(bare(report(name).privacy.paragraphs[-1]))


def test_pages_are_a4_or_letter():
    assert {tuple(round(side) for side in size) for size in printed("weekly").sizes} == {(595, 842)}
    (letter,) = render(report("empty"), ["pdf"], paper="us-letter")
    assert {tuple(map(round, size)) for size in Printed(letter.content).sizes} == {(612, 792)}


def test_the_file_says_that_it_was_made_on_the_last_day_of_its_period():
    assert printed("weekly").made in {"", "D:20261108000000Z", "D:20261108000000+00'00"}


def test_columns_fit_on_paper_and_numbers_are_never_broken():
    sheet = sheet_of(report("weekly"), {}, breakable)
    for section in sheet["sections"]:
        for table in section["tables"]:
            laid = laid_out(table)
            fixed = [width["size"] for width in laid["widths"] if width["fixed"]]
            assert sum(fixed) <= PAPER_PT
            assert not laid["flipped"]


def test_a_table_that_is_too_wide_lies_on_its_side_with_its_heading():
    lessons = made_figures.lessons(3)
    wide = msgspec.structs.replace(
        lessons,
        columns=lessons.columns * 2,
        rows=tuple(row * 2 for row in lessons.rows),
        withheld=(),
    )
    section = msgspec.structs.replace(report("weekly").sections[2], tables=(wide,), charts=())
    made = msgspec.structs.replace(report("weekly"), sections=(section,))
    (pdf,) = render(made, ["pdf"])
    seen = Printed(pdf.content)
    sides = [round(size[0]) for size in seen.sizes]
    assert sides == [595, 842, 595]
    assert bare(section.heading) in seen.texts[1]
    assert bare(wide.title) in seen.texts[1]


@pytest.mark.parametrize("sentences", range(0, 24, 3))
def test_tables_break_well_wherever_a_page_ends(sentences):
    table = made_figures.lessons(34)
    section = msgspec.structs.replace(report("weekly").sections[3], charts=(), tables=(table,))
    short = msgspec.structs.replace(section, tables=(made_figures.not_reported(),))
    made = msgspec.structs.replace(
        report("weekly"),
        summary=("A sentence that takes a line of the page.",) * sentences,
        sections=(section, short, section, short),
    )
    seen = Printed(render(made, ["pdf"])[0].content)
    for tags in seen.tags:
        kinds = [tag.kind for tag in tags if tag.kind != "Span"]
        assert kinds[-1] not in {"H1", "Caption", "TH", "THead"}
    for word in {cell for cells in cell_words(table) for cell in cells[3:6] if cell != WITHHELD}:
        assert seen.text.count(word) >= 2
