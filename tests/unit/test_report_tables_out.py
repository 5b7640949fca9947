"""Reports for programs: the same numbers, and bytes that depend on nothing else."""

from __future__ import annotations

import csv
import io

import msgspec
import pytest

from aggregator.reports.document import Column, Section, Table
from aggregator.reports.tables_out import csv_files, read_json, report_json
from tests.unit.made_reports import BAD_NAMES, empty, long, troublesome, weekly

REPORTS = [weekly(), empty(), long(), troublesome()]


def with_table(table):
    section = Section(name="one", heading="One", tables=(table,))
    return msgspec.structs.replace(weekly(), sections=(section,))


def parsed(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.subject)
def test_json_reads_back_as_the_same_report(report):
    assert read_json(report_json(report)) == report


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.subject)
def test_the_same_report_gives_the_same_bytes(report):
    report = read_json(report_json(report))  # whole numbers as the fields' types have them
    again = read_json(report_json(report))
    assert report_json(again) == report_json(report)
    assert list(csv_files(again)) == list(csv_files(report))


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.subject)
def test_every_number_of_every_table_stands_in_its_csv(report):
    files = dict(csv_files(report))
    for section in report.sections:
        for table in section.tables:
            rows = parsed(files[table.name])
            assert len(rows) == len(table.rows)
            for row, values in zip(rows, table.rows, strict=True):
                for column, value in zip(table.columns, values, strict=True):
                    cell = row[column.name]
                    if value is None:
                        assert cell == ""
                    elif not isinstance(value, str):
                        assert float(cell) == value


def test_every_point_of_a_chart_stands_in_its_csv():
    files = dict(csv_files(weekly()))
    charts = [chart for section in weekly().sections for chart in section.charts]
    for chart in charts:
        ys = [row["y"] for row in parsed(files[f"chart_{chart.name}"])]
        wanted = [y for series in chart.series for y in series.y]
        assert [None if y == "" else float(y) for y in ys] == wanted


def test_withheld_cells_are_told_from_missing_ones():
    table = Table(
        name="t",
        title="T",
        columns=(Column(name="a", title="A"), Column(name="b", title="B")),
        rows=((None, 1.5), (None, None)),
        withheld=((1, 1), (1, 0)),
    )
    assert dict(csv_files(with_table(table)))["t"] == b"a,b,withheld\r\n,1.5,\r\n,,a b\r\n"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2", "'-2"),
        ("\t=1", "'\t=1"),
        ("3b", "3b"),
        ('a "b", c\nd', 'a "b", c\nd'),
        ("教室", "教室"),
    ],
)
def test_no_text_runs_as_a_formula_and_none_is_lost(text, cell):
    table = Table(name="t", title="T", columns=(Column(name="a", title="A"),), rows=((text,),))
    [row] = parsed(dict(csv_files(with_table(table)))["t"])
    assert row["a"] == cell


def test_negative_numbers_stay_numbers():
    table = Table(name="t", title="T", columns=(Column(name="a", title="A"),), rows=((-1.5,),))
    assert dict(csv_files(with_table(table)))["t"] == b"a,withheld\r\n-1.5,\r\n"


def test_lines_end_as_rfc_4180_has_it():
    for _, content in csv_files(troublesome()):
        assert content.endswith(b"\r\n")
    assert any(name in content.decode() for name in BAD_NAMES[2:4] for _, content in
               csv_files(troublesome()))  # fmt: skip


def test_json_of_another_version_is_refused():
    document = msgspec.json.decode(report_json(weekly()))
    document["version"] = 2
    with pytest.raises(ValueError, match="known is facepose-report version 1"):
        read_json(msgspec.json.encode(document))
