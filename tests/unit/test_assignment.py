"""Pairs of rows and columns: the short way is the solver's answer."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import aggregator.assignment
from aggregator.assignment import best_pairs, solve
from aggregator.overlap import buffered_iou

LEAST = 0.2
likenesses = st.tuples(st.integers(1, 5), st.integers(1, 5)).flatmap(
    lambda shape: arrays(float, shape, elements=st.integers(0, 10).map(lambda k: k / 10))
)


def best_sum(gain) -> float:
    """By trying all pairings."""
    gain = gain if len(gain) <= gain.shape[1] else gain.T
    columns = range(gain.shape[1])
    return max(
        sum(gain[row, column] for row, column in enumerate(chosen))
        for chosen in itertools.permutations(columns, len(gain))
    )


@settings(max_examples=300, deadline=None)
@given(likenesses)
def test_the_pairs_are_one_to_one_and_the_best_in_all(likeness):
    rows, columns = best_pairs(likeness, LEAST)
    assert len(set(rows.tolist())) == len(rows) == len(set(columns.tolist()))
    assert (likeness[rows, columns] > LEAST).all()
    gain = np.maximum(likeness - LEAST, 0.0)
    assert gain[rows, columns].sum() == pytest.approx(best_sum(gain))


def test_the_solver_is_asked_only_where_two_columns_want_one_row(monkeypatch):
    def refuse(*_arguments, **_options):
        raise LookupError("asked")

    monkeypatch.setattr(aggregator.assignment, "linear_sum_assignment", refuse)
    rows, columns = best_pairs(np.array([[0.1, 0.9, 0.3], [0.8, 0.1, 0.1]]), 0.35)
    assert list(zip(rows, columns, strict=True)) == [(1, 0), (0, 1)]
    with pytest.raises(LookupError):
        best_pairs(np.array([[0.8, 0.9], [0.1, 0.1]]), LEAST)


def test_nobody_is_paired_with_nobody():
    for shape in ((0, 3), (3, 0)):
        rows, columns = best_pairs(np.zeros(shape), 0.0)
        assert len(rows) == len(columns) == 0


def test_a_far_partner_is_better_than_none_for_seats_but_not_for_tracks():
    cost = np.array([[0.1, 0.8], [0.8, 2.0]])
    assert solve(cost, 1.0) == [(0, 1), (1, 0)]
    rows, columns = best_pairs(1.0 - np.minimum(cost, 1.0), 0.05)
    assert list(zip(rows, columns, strict=True)) == [(0, 0)]


def test_overlap_is_that_of_boxes_grown_on_each_side():
    rng = np.random.default_rng(1)
    a, b = rng.uniform(0.1, 1.0, (4, 3)), rng.uniform(0.1, 1.0, (4, 2))
    buffer = np.array([0.0, 0.3, 1.0])
    found = buffered_iou(a[:2], a[2:], b[:2], b[2:], buffer)
    for i, j in itertools.product(range(3), range(2)):
        grown = [box[2:] * (1 + 2 * buffer[i]) for box in (a[:, i], b[:, j])]
        low = np.maximum(a[:2, i] - grown[0] / 2, b[:2, j] - grown[1] / 2)
        high = np.minimum(a[:2, i] + grown[0] / 2, b[:2, j] + grown[1] / 2)
        shared = np.prod(np.clip(high - low, 0, None))
        total = np.prod(grown[0]) + np.prod(grown[1]) - shared
        assert found[i, j] == pytest.approx(shared / total)
