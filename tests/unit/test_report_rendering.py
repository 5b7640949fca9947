"""Reports as files: every figure is there, names are no markup, the same bytes, no page wasted."""

import base64
import datetime as dt
import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from aggregator.reports.document import Table
from aggregator.reports.rendering import render
from aggregator.reports.rendering.column_widths import PAPER_PT, laid_out
from aggregator.reports.rendering.lettering import breakable, clean, on_paper
from aggregator.reports.rendering.sheet import NOTHING_TO_DRAW, sheet_of
from aggregator.reports.rendering.values import NO_EVIDENCE, WITHHELD, period_words, words_of
from tests.unit import made_reports
from tests.unit.printed_pages import Printed, bare

NAMES = ("weekly", "empty", "long", "troublesome")
each_report = pytest.mark.parametrize("name", NAMES)
ROOT = Path(__file__).parents[2]


@cache
def files(name):
    return {file.name.rpartition(".")[2]: file for file in render(report(name), ["pdf", "html"])}


@cache
def report(name):
    return getattr(made_reports, name)()


@cache
def printed(name):
    return Printed(files(name)["pdf"].content)


@cache
def page(name):
    seen = Page()
    seen.feed(files(name)["html"].content.decode("utf-8"))
    seen.close()
    return seen


class Page(HTMLParser):
    """Elements with their attributes, and all text; tables as rows of cells."""

    def __init__(self):
        super().__init__()
        self.elements, self.texts, self.rows, self.headings = [], [], [], []
        self._open = None

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
        self._open = tag

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        self.texts.append(data)
        if self._open in {"td", "th"}:
            self.rows[-1][-1] += data
        if self._open and re.fullmatch("h[1-6]", self._open):
            self.headings[-1] = (self.headings[-1][0], self.headings[-1][1] + data)

    @property
    def text(self):
        return "".join(self.texts)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def sections(name):
    made = report(name)
    return (*made.sections, made.method, made.privacy)


def tables(name):
    return [table for section in sections(name) for table in section.tables]


def cell_words(table: Table):
    """Rows as people read them, worked out here again and in another way."""
    for r, row in enumerate(table.rows):
        cells = []
        for c, (column, value) in enumerate(zip(table.columns, row, strict=True)):
            if (r, c) in table.withheld:
                cells.append(WITHHELD)
            elif value is None:
                cells.append(NO_EVIDENCE)
            elif column.unit == "share":
                cells.append(f"{value * 100:.{column.decimals}f}\u00a0%")
            elif column.unit == "time":
                moment = dt.datetime.fromisoformat(value)
                cells.append(moment.strftime("%a\u00a0%-d\u00a0%b, %H:%M"))
            elif column.unit == "date":
                cells.append(dt.date.fromisoformat(value).strftime("%a\u00a0%-d\u00a0%b"))
            elif isinstance(value, str):
                cells.append(value)
            else:
                cells.append(f"{value:,.{column.decimals}f}".replace("-", "−"))
        yield cells


@each_report
def test_every_row_of_every_table_stands_in_html_and_pdf(name):
    html_rows = page(name).rows
    words = Counter()
    for table in tables(name):
        for cells in cell_words(table):
            assert [clean(cell) for cell in cells] in html_rows
            # PDFium gives the lines of a row in an order of its own: count words, then
            words.update(bare(word) for cell in cells for word in on_paper(cell).split(" "))
    assert bool(words) == (name != "empty")
    for word, times in words.items():
        assert printed(name).text.count(word) >= times, word


@each_report
def test_key_figures_sentences_and_headings_stand_in_both(name):
    made = report(name)
    words = [
        *made.summary,
        *made.left_out,
        made.title,
        made.subject,
        *(figure.basis for figure in made.key_figures),
        *(section.heading for section in sections(name)),
        *(paragraph for section in sections(name) for paragraph in section.paragraphs),
        *(table.title for table in tables(name)),
    ]
    for each in words:
        assert clean(each) in page(name).text
        assert bare(on_paper(each)) in printed(name).text
    for value in {"weekly": ("68.4", "91\u00a0%", "98.7\u00a0%", "−1.9")}.get(name, ()):
        assert value in page(name).text
        assert bare(value) in printed(name).texts[0]


@each_report
def test_html_is_built_for_a_screen_reader(name):
    seen = page(name)
    assert seen.all("html") == [{"lang": "en"}]
    assert len(seen.all("title")) == 1
    levels = [level for level, _ in seen.headings]
    assert levels[0] == 1
    assert levels[1:] == [2] * (len(levels) - 1)
    assert all(words.strip() for _, words in seen.headings)
    assert all(cell.get("scope") in {"col", "row"} for cell in seen.all("th"))
    assert all(image["alt"].strip() for image in seen.all("img"))
    ids = [attrs["id"] for _, attrs in seen.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    labels = {attrs["aria-labelledby"] for attrs in seen.all("section")}
    assert labels <= set(ids)


@each_report
def test_html_runs_no_script_and_asks_for_nothing(name):
    seen = page(name)
    assert not seen.all("script")
    assert not seen.all("link")
    assert not [attrs for _, attrs in seen.elements if any(key.startswith("on") for key in attrs)]
    for image in seen.all("img"):
        start, _, data = image["src"].partition(",")
        assert start == "data:image/svg+xml;base64"
        assert base64.b64decode(data, validate=True).startswith(b"<?xml")
    asked = [a[key] for _, a in seen.elements for key in ("src", "href", "data") if key in a]
    assert all(address.startswith("data:") for address in asked)
    html = files(name)["html"].content.decode("utf-8")
    assert "default-src 'none'" in html
    assert "url(" not in html.partition("<body>")[0]


def test_names_that_look_like_markup_are_printed_as_they_are():
    for bad in made_reports.BAD_NAMES:
        assert clean(bad) in page("troublesome").text
        assert bare(on_paper(bad)) in printed("troublesome").text
    assert "<script" not in files("troublesome")["html"].content.decode("utf-8")
    assert len(page("troublesome").all("img")) == 3  # the charts, and not the name of a room


def test_letters_that_paper_lacks_are_told_about():
    assert "教室" in page("troublesome").text
    assert bare("stands for a letter that this page’s font lacks") in printed("troublesome").text
    assert bare("font lacks") not in printed("weekly").text
    assert clean("a\u202eb\x07c\ud800") == "a\ufffdb\ufffdc\ufffd"
    assert on_paper("Ķīna 教") == "Ķīna \ufffd"


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


def test_an_empty_report_says_so_instead_of_drawing_nothing():
    assert not page("empty").all("img")
    for text in (page("empty").text, printed("empty").text):
        assert bare(text).count(bare(NOTHING_TO_DRAW)) == 2
        assert bare("Nothing in this period.") in bare(text)
        assert bare("no evidence") in bare(text)


def test_withheld_and_missing_cells_are_explained_where_they_are():
    weekly = bare(page("weekly").text)
    assert bare("withheld: the group, or what could be worked out from it, is too small") in weekly
    assert bare("– no evidence") in weekly
    assert bare("withheld: the group") not in bare(page("empty").text)


def test_a_withheld_point_of_a_chart_keeps_its_n_from_readers():
    sheet = sheet_of(report("weekly"), {}, clean)
    (rows,) = [
        chart["figures"]["rows"]
        for section in sheet["sections"]
        for chart in section["charts"]
        if chart["title"].startswith("Attention by time of day")
    ]
    (ten,) = [row for row in rows if row[0] == "10:00"]
    assert ten[5:7] == [WITHHELD, WITHHELD]  # Wednesday
    assert ten[1:3] == ["72", "5"]


CHILD = """
import hashlib, sys
from aggregator.reports.rendering import render
from tests.unit import made_reports
for file in render(made_reports.weekly(), ["pdf", "html", "csv", "json"]):
    print(file.name, hashlib.sha256(file.content).hexdigest())
"""


def test_the_same_report_has_the_same_bytes_elsewhere_and_later(tmp_path):
    settings = tmp_path / "matplotlibrc"
    settings.write_text("font.size: 20\nsvg.fonttype: none\nlines.linewidth: 9\n")
    told = []
    for zone, seed, locale in (("UTC", "1", "C"), ("Pacific/Kiritimati", "2", "C.UTF-8")):
        env = {
            **os.environ,
            "TZ": zone,
            "PYTHONHASHSEED": seed,
            "LC_ALL": locale,
            "MATPLOTLIBRC": str(settings if seed == "2" else ""),
            "PYTHONPATH": str(ROOT),
        }
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", CHILD],
            env=env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        told.append(done.stdout)
    assert told[0] == told[1]
    assert len(told[0].splitlines()) >= 6
    for file in files("weekly").values():
        assert f"{file.name} {hashlib.sha256(file.content).hexdigest()}" in told[0].splitlines()


def test_the_file_says_that_it_was_made_on_the_last_day_of_its_period():
    assert printed("weekly").made in {"", "D:20261108000000Z", "D:20261108000000+00'00"}


def test_files_are_named_after_report_and_period():
    made = render(report("empty"), ["csv", "json", "html", "pdf"])
    names = [file.name for file in made]
    assert names[:2] == ["week_2026-11-02_2026-11-08.html", "week_2026-11-02_2026-11-08.pdf"]
    assert "week_2026-11-02_2026-11-08.json" in names
    assert "week_2026-11-02_2026-11-08_lessons.csv" in names
    assert len(names) == len(set(names))
    types = {file.media_type.partition(";")[0] for file in made}
    assert types == {"text/html", "application/pdf", "application/json", "text/csv"}
    odd = msgspec.structs.replace(report("empty"), report_id="../a b")
    (file,) = render(odd, ["html"])
    assert file.name == "..-a-b_2026-11-02_2026-11-08.html"


def test_an_unknown_format_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown report format docx: choose .*html.*pdf"):
        render(report("empty"), ["pdf", "docx"])


def test_values_read_as_people_write_them():
    assert words_of(71.26, "points", 1) == "71.3"
    assert words_of(0.9134, "share") == "91\u00a0%"
    assert words_of(-0.04, "points", 1) == "0.0"
    assert words_of(-1.95, "points", 1) in {"−1.9", "−2.0"}
    assert words_of(12345, "count") == "12,345"
    assert words_of(48, "minutes") == "48\u00a0min"
    assert words_of(48, "minutes", with_unit=False) == "48"
    assert words_of("2026-11-02", "date") == "Mon\u00a02\u00a0Nov\u00a02026"
    assert words_of("2026-11-02T08:30", "time", this_year=2026) == "Mon\u00a02\u00a0Nov, 08:30"
    assert "2025" in words_of("2025-11-02T08:30", "time", this_year=2026)
    assert words_of("half past eight", "time") == "half past eight"
    assert words_of(None, "points") == NO_EVIDENCE
    assert words_of(None, "text") == ""
    year_end = period_words(dt.date(2026, 12, 28), dt.date(2027, 1, 3))
    assert year_end == "Mon\u00a028\u00a0Dec\u00a02026 to Sun\u00a03\u00a0Jan\u00a02027"


def test_columns_fit_on_paper_and_numbers_are_never_broken():
    sheet = sheet_of(report("weekly"), {}, breakable)
    for section in sheet["sections"]:
        for table in section["tables"]:
            laid = laid_out(table)
            fixed = [width["size"] for width in laid["widths"] if width["fixed"]]
            assert sum(fixed) <= PAPER_PT
            assert not laid["flipped"]


def test_a_table_that_is_too_wide_lies_on_its_side_with_its_heading():
    lessons = made_reports.lessons(3)
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
    table = made_reports.lessons(34)
    section = msgspec.structs.replace(report("weekly").sections[3], charts=(), tables=(table,))
    short = msgspec.structs.replace(section, tables=(made_reports.not_reported(),))
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
