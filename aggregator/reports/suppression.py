"""Small groups: which cells of a table of means must not be shown.

A cell of fewer than k students is withheld (threshold rule). Where totals are shown, one withheld
cell in a row or column could be computed from the others, so further cells are withheld, the
smallest that do (secondary suppression). Source: Handbook on Statistical Disclosure Control,
chapter 4, "Magnitude tabular data", https://sdctools.github.io/HandbookSDC/.

Rows and columns are nodes of a graph, withheld cells its edges; totals are one more row and
column. Every row and column is one linear relation between its cells' sums, so a withheld cell can
be computed from what is shown exactly if its edge lies on no cycle of withheld edges (a bridge).
This protects from exact recomputation; it does not bound how closely a cell can be estimated.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

Cell = tuple[int, int]  # row, column; the totals stand in row R and in column C


class Counts(NamedTuple):
    """Students behind each cell of a table of R rows and C columns.

    Attributes:
        cells: (R, C); 0: there is nothing, and everybody may know.
        row_totals: (R), of the totals at the end of each row; None: they are not shown.
        column_totals: (C), of the totals below each column; None: they are not shown.
        total: of the total of all; None: it is not shown.
    """

    cells: Sequence[Sequence[int]]
    row_totals: Sequence[int] | None = None
    column_totals: Sequence[int] | None = None
    total: int | None = None


def withheld_cells(counts: Counts, k: int) -> frozenset[Cell]:
    """What must not be shown so that no cell of fewer than `k` students is, or can be computed.

    Args:
        counts: who stands behind each cell; sums of the cells' figures are additive.
        k: the smallest group that may be shown.

    Returns:
        Cells, and totals as (row, C), (R, column) and (R, C). None of the complementary ones could
        be shown again without giving a withheld one away.
    """
    shown, hidden = _shown_and_hidden(counts)
    small = {cell for cell, n in shown.items() if n < k}
    withheld = set(small)
    while found := _computable(withheld, hidden):
        weakest = min(found, key=lambda cell: (shown[cell], cell))
        withheld |= _cheapest_cycle(weakest, shown, withheld | hidden)
    for cell in sorted(withheld - small, key=lambda cell: (-shown[cell], cell)):
        if not _computable(withheld - {cell}, hidden):
            withheld.remove(cell)
    return frozenset(withheld)


def _shown_and_hidden(counts: Counts) -> tuple[dict[Cell, int], set[Cell]]:
    """What could be shown, with its n, and totals that exist but stand in no table."""
    rows, columns = len(counts.cells), len(counts.cells[0]) if counts.cells else 0
    shown = {(i, j): n for i, row in enumerate(counts.cells) for j, n in enumerate(row)}
    totals: dict[Cell, int | None] = {
        (i, columns): counts.row_totals[i] if counts.row_totals else None for i in range(rows)
    }
    totals |= {
        (rows, j): counts.column_totals[j] if counts.column_totals else None for j in range(columns)
    }
    totals[rows, columns] = counts.total
    shown |= {cell: n for cell, n in totals.items() if n is not None}
    return {cell: n for cell, n in shown.items() if n}, {c for c, n in totals.items() if n is None}


def _computable(withheld: Collection[Cell], hidden: Collection[Cell]) -> list[Cell]:
    """Withheld cells on no cycle of unknown ones."""
    unknown = {*withheld, *hidden}
    return [cell for cell in withheld if not _connected(cell, unknown - {cell})]


def _connected(cell: Cell, edges: Collection[Cell]) -> bool:
    """Whether the cell's row and column are joined by a path of `edges`."""
    rows, columns, todo = {cell[0]}, set[int](), [cell[0]]
    while todo:
        row = todo.pop()
        for column in {j for i, j in edges if i == row} - columns:
            columns.add(column)
            further = {i for i, j in edges if j == column} - rows
            rows |= further
            todo += further
    return cell[1] in columns


def _cheapest_cycle(
    cell: Cell, shown: Mapping[Cell, int], unknown: Collection[Cell]
) -> frozenset[Cell]:
    """The fewest, then smallest, shown cells that close a cycle through a withheld one."""
    edges = {**{c: (1, n) for c, n in shown.items()}, **dict.fromkeys(unknown, (0, 0))}
    del edges[cell]
    start, goal = ("row", cell[0]), ("column", cell[1])
    queue: list[tuple[int, int, tuple[str, int], tuple[Cell, ...]]] = [(0, 0, start, ())]
    done = set()
    while queue:
        number, students, node, path = heapq.heappop(queue)
        if node == goal:
            return frozenset(path) - set(unknown)
        if node in done:
            continue
        done.add(node)
        side = 0 if node[0] == "row" else 1
        for edge, (one, n) in edges.items():
            if edge[side] == node[1]:
                other = ("column", edge[1]) if side == 0 else ("row", edge[0])
                heapq.heappush(queue, (number + one, students + n, other, (*path, edge)))
    raise AssertionError("a cell and its totals always lie on a cycle")  # pragma: no cover
