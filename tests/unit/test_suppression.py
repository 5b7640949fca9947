"""Small groups cannot be read from a table, nor computed from its totals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.reports.suppression import Counts, withheld_cells

K = 5


def computable(counts: Counts, withheld) -> set:
    """Withheld cells that linear algebra finds from the rest: rows of R+1 by C+1 sums.

    An unknown is determined exactly if adding its unit vector to the relations adds no rank.
    """
    rows, columns = len(counts.cells), len(counts.cells[0])
    totals = {(i, columns): counts.row_totals and counts.row_totals[i] for i in range(rows)}
    totals |= {(rows, j): counts.column_totals and counts.column_totals[j] for j in range(columns)}
    totals[rows, columns] = counts.total
    unknown = sorted({*withheld, *(cell for cell, n in totals.items() if n is None)})
    at = {cell: n for n, cell in enumerate(unknown)}
    relations = [[(i, j) for j in range(columns + 1)] for i in range(rows + 1)]
    relations += [[(i, j) for i in range(rows + 1)] for j in range(columns + 1)]
    matrix = np.zeros((len(relations), len(unknown)))
    for number, relation in enumerate(relations):
        for cell in relation:
            if cell in at:
                sign = -1.0 if (cell[0] == rows) != (cell[1] == columns) else 1.0
                matrix[number, at[cell]] = sign
    rank = np.linalg.matrix_rank(matrix)
    found = set()
    for cell in withheld:
        unit = np.zeros((1, len(unknown)))
        unit[0, at[cell]] = 1.0
        if np.linalg.matrix_rank(np.vstack([matrix, unit])) == rank:
            found.add(cell)
    return found


@st.composite
def tables(draw) -> Counts:
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    sizes = st.sampled_from([0, 1, 3, 4, 5, 6, 9, 12, 30])
    cells = [[draw(sizes) for _ in range(columns)] for _ in range(rows)]
    by_row = [sum(row) for row in cells] if draw(st.booleans()) else None
    by_column = (
        [sum(row[j] for row in cells) for j in range(columns)] if draw(st.booleans()) else None
    )
    total = sum(map(sum, cells)) if draw(st.booleans()) else None
    return Counts(cells, by_row, by_column, total)


def sizes(counts: Counts) -> dict:
    rows, columns = len(counts.cells), len(counts.cells[0])
    all_ = {(i, j): n for i, row in enumerate(counts.cells) for j, n in enumerate(row)}
    all_ |= {(i, columns): n for i, n in enumerate(counts.row_totals or [])}
    all_ |= {(rows, j): n for j, n in enumerate(counts.column_totals or [])}
    return all_ | ({(rows, columns): counts.total} if counts.total is not None else {})


@given(tables())
def test_no_withheld_cell_can_be_computed_from_what_is_shown(counts):
    withheld = withheld_cells(counts, K)
    assert {cell for cell, n in sizes(counts).items() if 0 < n < K} <= withheld
    assert computable(counts, withheld) == set()


@given(tables())
def test_no_complementary_cell_could_be_shown_again(counts):
    withheld = withheld_cells(counts, K)
    small = {cell for cell, n in sizes(counts).items() if 0 < n < K}
    for cell in withheld - small:
        assert computable(counts, withheld - {cell})


@given(tables())
def test_nothing_is_withheld_where_all_groups_are_large_enough(counts):
    large = Counts(
        [[n and n + K for n in row] for row in counts.cells],
        counts.row_totals and [n and n + K for n in counts.row_totals],
        counts.column_totals and [n and n + K for n in counts.column_totals],
        counts.total and counts.total + K,
    )
    assert withheld_cells(large, K) == frozenset()


@given(st.lists(st.sampled_from([3, 4, 5, 6, 7, 8]), min_size=2, max_size=6))
def test_a_column_with_its_total_loses_as_few_and_as_small_cells_as_possible(column):
    counts = Counts([[n] for n in column], None, [sum(column)], None)
    withheld = withheld_cells(counts, K)
    small = {(i, 0) for i, n in enumerate(column) if n < K}
    if len(small) != 1:
        assert withheld == small
        return
    [extra] = withheld - small
    assert column[extra[0]] == min(n for n in column if n >= K)


def test_one_small_class_takes_the_next_smallest_with_it():
    counts = Counts([[12], [3], [6], [20]], None, [41], None)
    assert withheld_cells(counts, K) == {(1, 0), (2, 0)}


def test_without_totals_only_the_small_ones_are_withheld():
    assert withheld_cells(Counts([[12, 3], [6, 7]]), K) == {(0, 1)}


def test_rows_and_columns_with_totals_lose_a_rectangle():
    counts = Counts([[3, 9, 8], [7, 6, 9], [9, 9, 20]], [20, 22, 38], [19, 24, 37], 81)
    withheld = withheld_cells(counts, K)
    assert len(withheld) == 4
    assert withheld == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_a_small_group_that_is_alone_takes_its_total_with_it():
    assert withheld_cells(Counts([[3]], None, [3], None), K) == {(0, 0), (1, 0)}
    assert withheld_cells(Counts([[3], [0]], None, [30], None), K) == {(0, 0), (2, 0)}


@pytest.mark.parametrize("shape", list(itertools.product((1, 2, 3), repeat=2)))
def test_groups_of_nobody_are_no_secret(shape):
    rows, columns = shape
    counts = Counts([[0] * columns] * rows, [0] * rows, [0] * columns, 0)
    assert withheld_cells(counts, K) == frozenset()


def test_two_small_in_a_row_with_column_totals_are_each_protected():
    counts = Counts([[3, 4], [9, 8], [7, 20]], None, [19, 32], None)
    assert withheld_cells(counts, K) == {(0, 0), (0, 1), (2, 0), (1, 1)}
