"""A seating plan as CSV: `class,room,seat,sourced_id,from[,until]`, one row a student and seat.

Days are the site's local ones, `until` is the last day. Without it a row holds until the class's
next row of the same seat or the same student begins.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from schemas.rosters.csv_rows import Columns, read_rows
from schemas.rosters.mistakes import Mistakes
from schemas.rosters.row_values import day_of

COLUMNS: Final = Columns(("class", "room", "seat", "sourced_id", "from"), ("until",))
FOR_EVER: Final = dt.date.max
_ONE_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SeatingRow:
    """A student has a seat from `begin` until the day before `end`."""

    line: int
    class_name: str
    room: str
    seat: str
    sourced_id: str = field(repr=False)
    begin: dt.date
    end: dt.date  # exclusive; `date.max`: for ever


def read_seating(file: str, lines: Iterable[bytes], mistakes: Mistakes) -> list[SeatingRow]:
    """The rows of a seating plan, in the file's order, with the days on which each holds.

    Args:
        file: its name, for people.
        lines: of the file.
        mistakes: where to note what is wrong.
    """
    rows = []
    for row in read_rows(file, lines, COLUMNS, mistakes):
        begin, until = day_of(row["from"]), day_of(row["until"])
        if begin is None or (row["until"] and until is None):
            mistakes.row(file, row.line, "from and until are days like 2026-09-01")
        elif until is not None and until < begin:
            mistakes.row(file, row.line, f"it ends on {until}, before it begins on {begin}")
        else:
            end = FOR_EVER if until is None or until == FOR_EVER else until + _ONE_DAY
            where = (row["class"], row["room"], row["seat"], row["sourced_id"])
            rows.append(SeatingRow(row.line, *where, begin, end))
    return _ended(file, rows, mistakes)


def _ended(file: str, rows: Sequence[SeatingRow], mistakes: Mistakes) -> list[SeatingRow]:
    """The rows, each ended by the next one of its seat or student."""
    ended = {row.line: row for row in rows}
    for begins in (_by(rows, "seat"), _by(rows, "student")):
        for group in begins.values():
            for row, following in pairwise(group):
                if row.begin == following.begin:
                    sentence = f"from {row.begin} on, line {row.line} has this seat or student, too"
                    mistakes.row(file, following.line, sentence)
                elif row.end != FOR_EVER and following.begin < row.end:
                    sentence = f"line {row.line} holds until {row.end - _ONE_DAY}: they overlap"
                    mistakes.row(file, following.line, sentence)
                elif following.begin < ended[row.line].end:
                    ended[row.line] = replace(ended[row.line], end=following.begin)
    return [ended[row.line] for row in rows]


def _by(rows: Iterable[SeatingRow], what: str) -> Mapping[tuple[str, ...], list[SeatingRow]]:
    groups: dict[tuple[str, ...], list[SeatingRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.begin, row.line)):
        thing = (row.room, row.seat) if what == "seat" else (row.sourced_id,)
        groups[row.class_name, *thing].append(row)
    return groups
