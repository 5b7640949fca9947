"""Reports as files: every figure is there, names are no markup, and the same bytes each time."""

import base64
import datetime as dt
import hashlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from aggregator.reports.rendering import render
from aggregator.reports.rendering.lettering import clean, on_paper
from aggregator.reports.rendering.sheet import NOTHING_TO_DRAW, sheet_of
from aggregator.reports.rendering.values import NO_EVIDENCE, WITHHELD, period_words, words_of
from tests.unit import made_reports
from tests.unit.printed_pages import bare
from tests.unit.rendered_reports import (
    cell_words,
    each_report,
    files,
    page,
    printed,
    report,
    sections,
    tables,
)

ROOT = Path(__file__).parents[2]


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
