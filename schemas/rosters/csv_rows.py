"""Rows of a CSV file by the names in its header (RFC 4180, UTF-8), each with its line.

The order of columns is free, unknown ones are not looked at, a byte order mark is skipped. Any
bytes are either read or refused with a sentence.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.rosters.mistakes import Mistakes, UnreadableError

MAX_ROWS: Final = 2_000_000
MAX_VALUE: Final = 1_000  # characters; a list of ids is the longest thing that is looked at

_ID: Final = "sourcedId"
_BOM: Final = b"\xef\xbb\xbf"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Columns:
    """What is read of a file."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    may_be_empty: tuple[str, ...] = ()  # of the required ones: the column must be there, no value


@dataclass(frozen=True, slots=True)
class CsvRow:
    """The values of one row, stripped; "" where there is none."""

    line: int
    values: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.values.get(column, "")


def read_rows(
    file: str, lines: Iterable[bytes], columns: Columns, mistakes: Mistakes
) -> Iterator[CsvRow]:
    """The rows that can be used; what is wrong with the others is noted.

    Args:
        file: its name, for people.
        lines: of the file, with their ends.
        columns: to read.
        mistakes: where to note what is wrong.
    """
    text = _Text(lines)
    reader = csv.reader(text, strict=True)
    try:
        header = next(reader, None)
        places = _places(file, header or [], columns, mistakes)
        if places is None:
            return
        for line, fields in _told_rows(reader):
            if len(fields) != len(header or ()):
                sentence = f"has {len(fields)} fields, the first line has {len(header or ())}"
                mistakes.row(file, line, sentence)
                continue
            values = {name: fields[place].strip() for name, place in places.items()}
            if fault := _fault(values, columns):
                mistakes.row(file, line, fault, values.get(_ID, ""))
            else:
                yield CsvRow(line, values)
    except UnreadableError as exc:
        mistakes.file(file, str(exc))
    except UnicodeDecodeError:
        mistakes.file(file, f"line {text.line} is not UTF-8: save the file as CSV UTF-8")
    except csv.Error as exc:
        mistakes.file(file, f"line {text.line} is not CSV ({exc}): is a quote not closed?")


class _Text:
    """Decodes lines one by one and knows which it is at."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self.line = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        raw = next(self._lines)
        self.line += 1
        return (raw.removeprefix(_BOM) if self.line == 1 else raw).decode("utf-8")


def _told_rows(reader: Any) -> Iterator[tuple[int, list[str]]]:  # noqa: ANN401  csv's own type
    """Rows with the line that each begins on, without empty ones."""
    begin = reader.line_num + 1
    for number, row in enumerate(reader):
        if number == MAX_ROWS:
            raise UnreadableError(f"has more than {MAX_ROWS} rows")
        if row:
            yield begin, row
        begin = reader.line_num + 1


def _places(
    file: str, header: list[str], columns: Columns, mistakes: Mistakes
) -> dict[str, int] | None:
    """Where each column stands."""
    names = [name.strip().lower() for name in header]
    missing = [name for name in columns.required if name.lower() not in names]
    if missing:
        mistakes.file(file, f"its first line lacks the columns {', '.join(missing)}")
        return None
    wanted = [*columns.required, *columns.optional]
    twice = [name for name in wanted if names.count(name.lower()) > 1]
    if twice:
        mistakes.file(file, f"its first line names {', '.join(twice)} more than once")
        return None
    return {name: names.index(name.lower()) for name in wanted if name.lower() in names}


def _fault(values: Mapping[str, str], columns: Columns) -> str:
    """What is wrong with a row; "": nothing."""
    for name, value in values.items():
        if not value and name in columns.required and name not in columns.may_be_empty:
            return f"has no {name}"
        if len(value) > MAX_VALUE:
            return f"{name} has more than {MAX_VALUE} characters"
        if _CONTROL.search(value):
            return f"{name} holds a control character or a line break"
    return ""
