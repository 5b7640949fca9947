"""The one font of a report, where its files lie, and what it cannot draw.

DejaVu Sans comes with matplotlib, so charts and pages look the same on every machine and no
system font is asked for. It has Latin, Greek, Cyrillic, Arabic and Hebrew letters, but no Chinese,
Japanese, Korean or Indic ones: those are drawn as `�` on paper, and the page says so.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.ft2font import FT2Font

FAMILY: Final = "DejaVu Sans"
REPLACEMENT: Final = "\ufffd"
_UNSEEN: Final = frozenset(("Cc", "Cs", "Co", "Cn"))  # control, half a pair, private, unassigned
_TURNING: Final = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"))
_SPACES: Final = re.compile(r"[ \t\r\n\f\v]+")  # \s would take no-break spaces, too

_LONG_WORD: Final = re.compile(r"[^\s-]{21,}")


def fonts_folder() -> Path:
    """Where matplotlib's own fonts lie."""
    return Path(mpl.get_data_path()) / "fonts" / "ttf"


@cache
def _drawable() -> frozenset[int]:
    charmaps = [
        FT2Font(str(fonts_folder() / f"DejaVuSans{face}.ttf")).get_charmap()
        for face in ("", "-Bold", "-Oblique")
    ]
    return frozenset.intersection(*(frozenset(int(code) for code in m) for m in charmaps))


@cache
def _face(bold: bool) -> FT2Font:
    return FT2Font(str(fonts_folder() / f"DejaVuSans{'-Bold' if bold else ''}.ttf"))


@cache
def _advance_em(letter: str, bold: bool) -> float:
    font = _face(bold)
    font.set_size(100, 72)
    return float(font.load_char(ord(letter)).linearHoriAdvance) / 65536 / 100


def width_pt(text: str, size_pt: float, *, bold: bool = False) -> float:
    """How wide text is on paper, in points."""
    return size_pt * sum(_advance_em(letter, bold) for letter in text if letter != "\u200b")


@lru_cache(maxsize=4096)
def clean(text: str) -> str:
    """Text without control characters, marks that turn its direction, or halves of pairs."""
    return "".join(
        REPLACEMENT
        if unicodedata.category(c) in _UNSEEN or unicodedata.bidirectional(c) in _TURNING
        else c
        for c in _SPACES.sub(" ", text).strip(" ")
    )


@lru_cache(maxsize=4096)
def on_paper(text: str) -> str:
    """Clean text in which a letter that the font lacks is `�`."""
    return "".join(c if ord(c) in _drawable() else REPLACEMENT for c in clean(text))


def wrapped(text: str, width: int, lines: int = 3) -> str:
    """A chart's label on at most `lines` lines of `width` characters; the rest is an ellipsis."""
    width = max(width, 4)
    found = textwrap.wrap(on_paper(text), width)
    if len(found) > lines:
        found[lines - 1 :] = [found[lines - 1][: width - 1].rstrip() + "…"]
    return "\n".join(found)


def breakable(text: str) -> str:
    """Text for paper whose words of more than 20 letters may go on in the next line."""
    return _LONG_WORD.sub(lambda word: "\u200b".join(textwrap.wrap(word[0], 10)), on_paper(text))
