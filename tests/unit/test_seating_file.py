"""Seating plans as CSV: any bytes are read or refused, and rows never hold at the same time."""

import datetime as dt
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from schemas.rosters.mistakes import Mistakes
from schemas.rosters.seating_file import FOR_EVER, read_seating

HEADER = b"class,room,seat,sourced_id,from,until\n"
DAYS = st.sampled_from(["2026-09-01", "2026-09-02", "2026-10-25", "2027-03-28", "", "9999-12-31"])
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["4a", "5b"]),
        st.just("room"),
        st.sampled_from(["S1", "S2"]),
        st.sampled_from(["p1", "p2"]),
        DAYS,
        DAYS,
    ),
    max_size=8,
)


def read(text: bytes):
    mistakes = Mistakes()
    rows = read_seating("plan.csv", (HEADER + text).splitlines(keepends=True), mistakes)
    return rows, mistakes.sentences


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_a_sentence(text):
    rows, sentences = read(text)
    assert all(row.begin < row.end for row in rows) or sentences


@given(ROWS)
def test_without_mistakes_no_seat_and_no_student_of_a_class_is_given_twice_at_a_time(made):
    rows, sentences = read("\n".join(",".join(row) for row in made).encode())
    if sentences:
        return
    assert len(rows) == len(made)
    for one, other in combinations(rows, 2):
        same = one.seat == other.seat or one.sourced_id == other.sourced_id
        if one.class_name == other.class_name and same:
            assert one.end <= other.begin or other.end <= one.begin


def test_the_column_until_may_be_missing_and_its_day_counts():
    mistakes = Mistakes()
    lines = [b"from,class,room,seat,sourced_id\n", b"2026-09-01,4a,room,S1,p1\n"]
    (row,) = read_seating("plan.csv", lines, mistakes)
    assert (row.begin, row.end) == (dt.date(2026, 9, 1), FOR_EVER)
    (row,), _ = read(b"4a,room,S1,p1,2026-09-01,2026-09-01\n")
    assert row.end == dt.date(2026, 9, 2)
