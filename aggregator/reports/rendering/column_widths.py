"""How wide the columns of a printed table are: numbers as they need, words share the rest."""

from __future__ import annotations

from itertools import pairwise
from typing import Final, NamedTuple

from aggregator.reports.rendering.lettering import width_pt
from aggregator.reports.rendering.sheet import Sheet

PAPER_PT: Final = 493.0  # 174 mm between the margins


class Setting(NamedTuple):
    """One way to set a table; `report.typ` sets what comes out of it.

    Attributes:
        letter_pt: size of its letters.
        inset_pt: left and right of a cell together.
        short_pt: a column of words no wider than this is as wide as its longest cell.
        roomy: a number's title has room for two lines at most.
    """

    letter_pt: float
    inset_pt: float
    short_pt: float
    roomy: bool


TRIED: Final = (  # roomiest first
    Setting(8.5, 7.0, 110.0, roomy=True),
    Setting(8.5, 7.0, 60.0, roomy=True),
    Setting(8.5, 7.0, 60.0, roomy=False),
    Setting(8.0, 5.0, 60.0, roomy=False),
    Setting(8.0, 4.4, 0.0, roomy=False),
)
STRETCH: Final = 1.5  # of columns that need less than the page


def laid_out(table: Sheet) -> Sheet:
    """The table with `widths` (`fixed` in points, or shares of the rest), `letter` and `inset`.

    `flipped` says that it needs a page that lies on its side.
    """
    if not table["rows"]:
        return {**table, "widths": [], "letter": 0, "inset": 0, "flipped": False}
    for tried in TRIED:
        setting = tried
        fixed, sizes, needed_pt = _widths(table, setting)
        if needed_pt <= PAPER_PT:
            break
    if all(fixed):
        wider = max(1.0, min(STRETCH, PAPER_PT / needed_pt))
        sizes = [wider * size for size in sizes]
    return {
        **table,
        "widths": [{"fixed": f, "size": size} for f, size in zip(fixed, sizes, strict=True)],
        "letter": setting.letter_pt,
        "inset": setting.inset_pt,
        "flipped": needed_pt > PAPER_PT,
    }


def _widths(table: Sheet, setting: Setting) -> tuple[list[bool], list[float], float]:
    """Whether each column is fixed, its size, and the least points that all need."""
    all_fixed, sizes, needed_pt = [], [], 0.0
    for c, column in enumerate(table["columns"]):
        title, cells = column["title"], [row[c] for row in table["rows"]]
        em = setting.letter_pt
        least = max(_word_pt(title, em, bold=True), *(_word_pt(cell, em) for cell in cells))
        whole = max(width_pt(cell, em) for cell in cells)
        fixed = column["right"] or whole <= setting.short_pt
        if fixed:
            half_title = 0.55 * width_pt(title, em, bold=True) if setting.roomy else 0.0
            least = max(least, whole, half_title)
        all_fixed.append(fixed)
        sizes.append(least + setting.inset_pt + 0.5 if fixed else whole**0.7)
        needed_pt += least + setting.inset_pt + 0.5
    return all_fixed, sizes, needed_pt


def _word_pt(text: str, letter_pt: float, *, bold: bool = False) -> float:
    """The width of the longest word: a line may end at a space, a hyphen or in a long word."""
    ends = [0, *(i + 1 for i, c in enumerate(text) if c in " -\u200b"), len(text)]
    return max(width_pt(text[a:b].rstrip(" "), letter_pt, bold=bold) for a, b in pairwise(ends))
