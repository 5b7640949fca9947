"""How the rows of `facepose sql` are written, without a database."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.sql.printing import Format, write_rows

COLUMNS = [
    ("lesson_id", 20),
    ("class", 25),
    ("attention", 1700),
    ("reported", 16),
    ("details", 3802),
]
ROWS = [
    ("9223372036854775807", "3b", "67.75", "t", '{"n": 1}'),
    ("2", 'Grüße, "4a"\nB', None, "f", None),
]


def written(form: Format, rows=ROWS, limit=None, columns=COLUMNS) -> tuple[str, str]:
    out = io.StringIO()
    return write_rows(columns, iter(rows), form, out, limit), out.getvalue()


def test_a_table_is_aligned_numbers_to_the_right_and_nothing_breaks_its_lines():
    _, text = written(Format.TABLE)
    assert text == (
        "          lesson_id | class         | attention | reported | details\n"
        "--------------------+---------------+-----------+----------+---------\n"
        '9223372036854775807 | 3b            |     67.75 | t        | {"n": 1}\n'
        '                  2 | Grüße, "4a" B |           | f        |\n'
        "(2 rows)\n"
    )


def test_json_has_numbers_truth_values_and_null():
    rows = json.loads(written(Format.JSON)[1])
    assert rows[0] == {
        "lesson_id": 9223372036854775807,
        "class": "3b",
        "attention": 67.75,
        "reported": True,
        "details": {"n": 1},
    }
    assert rows[1]["attention"] is None
    assert [json.loads(line) for line in written(Format.JSONL)[1].splitlines()] == rows


@pytest.mark.parametrize("form", list(Format))
def test_no_rows_are_still_an_answer(form):
    said, text = written(form, rows=[])
    assert said == ""
    assert {
        Format.TABLE: "(0 rows)" in text,
        Format.CSV: text == "lesson_id,class,attention,reported,details\n",
        Format.JSON: text == "[\n]\n",
        Format.JSONL: text == "",
    }[form]


def test_not_a_number_is_null_in_json():
    assert json.loads(written(Format.JSON, [("NaN",)], columns=[("x", 701)])[1]) == [{"x": None}]


@given(st.lists(st.tuples(st.text(st.characters(exclude_characters="\0\r")), st.text("01"))))
def test_what_csv_holds_is_what_the_database_said(rows):
    text = written(Format.CSV, rows, columns=[("a", 25), ("b", 25)])[1]
    assert [tuple(row) for row in csv.reader(io.StringIO(text, newline=""))][1:] == rows


def test_a_table_takes_one_row_more_than_it_shows_and_says_that_there_are_more():
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield (str(taken),)

    out = io.StringIO()
    said = write_rows([("n", 20)], endless(), Format.TABLE, out)
    assert (taken, out.getvalue().count("\n")) == (1001, 1003)
    assert said.startswith("only the first 1000 rows")
    said = write_rows([("n", 20)], endless(), Format.CSV, io.StringIO(), limit=3)
    assert (taken, said) == (1005, "only the first 3 rows: --limit N gives more")
