"""How wide the columns of a printed table are: numbers as they need, words share the rest."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from aggregator.reports.rendering.lettering import width_pt
from aggregator.reports.rendering.sheet import Sheet

PAPER_PT: Final = 493.0  # 174 mm between the margins
CELL_PT: Final = 8.5  # letters of a table, as in report.typ
INSET_PT: Final = 7.5  # both sides of a cell, and a hair

# What is tried, roomiest first: a column of words no wider than this is as wide as its longest
# cell; whether a number's title has room for two lines at most.
TRIED: Final = ((110.0, True), (60.0, True), (60.0, False), (0.0, False))

Width = dict[str, float | bool]


def widths_of(table: Sheet) -> tuple[list[Width], float]:
    """Widths for typst, `fixed` in points or shares of the rest, and the least that they need."""
    if not table["rows"]:
        return [], 0.0
    found: list[Width] = []
    needed_pt = 0.0
    for short_pt, roomy in TRIED:
        found, needed_pt = _widths(table, short_pt, roomy=roomy)
        if needed_pt <= PAPER_PT:
            break
    if all(width["fixed"] for width in found):  # the table is as wide as the page, always
        found = [{"fixed": False, "size": width["size"]} for width in found]
    return found, needed_pt


def _widths(table: Sheet, short_pt: float, *, roomy: bool) -> tuple[list[Width], float]:
    found: list[Width] = []
    needed_pt = 0.0
    for c, column in enumerate(table["columns"]):
        title, cells = column["title"], [row[c] for row in table["rows"]]
        least = max(_word_pt(title, bold=True), *(_word_pt(cell) for cell in cells))
        whole = max(width_pt(cell, CELL_PT) for cell in cells)
        fixed = column["right"] or whole <= short_pt
        if fixed:
            half_title = 0.55 * width_pt(title, CELL_PT, bold=True) if roomy else 0.0
            least = max(least, whole, half_title)
        found.append({"fixed": fixed, "size": (least if fixed else whole**0.7) + INSET_PT})
        needed_pt += least + INSET_PT
    return found, needed_pt


def _word_pt(text: str, *, bold: bool = False) -> float:
    """The width of the longest word: a line may end at a space, a hyphen or in a long word."""
    ends = [0, *(i + 1 for i, c in enumerate(text) if c in " -\u200b"), len(text)]
    return max(width_pt(text[a:b].rstrip(" "), CELL_PT, bold=bold) for a, b in pairwise(ends))
