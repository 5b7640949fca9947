"""Who belongs to whom, one to one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


def solve(cost: Floats, limit: float) -> list[tuple[int, int]]:
    """One-to-one pairs (row, column) of the smallest total cost, without those above `limit`.

    As many pairs as there can be: a far partner is better than none.
    """
    if cost.size == 0:
        return []
    rows, columns = linear_sum_assignment(np.where(cost <= limit, cost, 1e6))
    return [
        (int(row), int(column))
        for row, column in zip(rows, columns, strict=True)
        if cost[row, column] <= limit
    ]


def best_pairs(likeness: Floats, least: float) -> tuple[Indices, Indices]:
    """One-to-one pairs whose likeness above `least` is the largest in all.

    No partner is better than making others change theirs for it: a lost track does not take the
    neighbour's face so that the neighbour's track can have a new one.

    Where every column likes another row best, that is the answer and no solver is asked: no
    pairing can give a column more than its own best, so that the sum of these is an upper bound,
    and this pairing, which is allowed, reaches it.

    Args:
        likeness: (N, M), not negative.
        least: pairs at or below this are none.

    Returns:
        Rows and columns of the pairs, by column or by row.
    """
    if likeness.size == 0:
        nobody = np.zeros(0, np.intp)
        return nobody, nobody
    rows: Indices = likeness.argmax(axis=0)
    columns: Indices = np.arange(likeness.shape[1])
    wanted = likeness[rows, columns] > least
    if not wanted.all():
        rows, columns = rows[wanted], columns[wanted]
    if len(set(rows.tolist())) == len(rows):
        return rows, columns
    gain = np.maximum(likeness - least, 0.0)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    wanted = gain[rows, columns] > 0.0
    return rows[wanted], columns[wanted]
