"""Rows as a table for people, or as CSV, JSON or JSON lines for programs."""

from __future__ import annotations

import csv
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Any, Final, TextIO

from deploy.sql.session import Cells, Column

TABLE_ROWS: Final = 1000  # a table is drawn when all of its rows are there
_WHOLE: Final = frozenset({20, 21, 23, 26})  # OIDs of int8, int2, int4, oid
_FRACTION: Final = frozenset({700, 701, 1700})  # float4, float8, numeric
_BOOLEAN: Final = 16
_JSON: Final = frozenset({114, 3802})


class Format(StrEnum):
    """How rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"


def write_rows(
    columns: Sequence[Column],
    rows: Iterator[Cells],
    form: Format,
    out: TextIO,
    limit: int | None = None,
) -> str:
    """Write rows, at most `limit` of them.

    Returns:
        A sentence when rows were left out; else empty.
    """
    most = TABLE_ROWS if limit is None and form is Format.TABLE else limit
    taken = rows if most is None else itertools.islice(rows, most)
    if form is Format.TABLE:
        _write_table(columns, list(taken), out)
    elif form is Format.CSV:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(name for name, _ in columns)
        writer.writerows(taken)
    elif form is Format.JSONL:
        out.writelines(f"{text}\n" for text in _objects(columns, taken))
    else:
        _write_json(_objects(columns, taken), out)
    if most is None or next(rows, None) is None:
        return ""
    return f"only the first {most} rows: --limit N gives more" + (
        ", --format csv all" if limit is None else ""
    )


def _write_table(columns: Sequence[Column], rows: Sequence[Cells], out: TextIO) -> None:
    names = [name for name, _ in columns]
    shown = [[_one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(names, *shown, strict=True)]
    right = [oid in _WHOLE | _FRACTION for _, oid in columns]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(cells, widths, right, strict=True)
        ]
        return " | ".join(padded).rstrip() + "\n"

    out.write(line(names))
    out.write("-+-".join("-" * width for width in widths) + "\n")
    out.writelines(line(cells) for cells in shown)
    out.write(f"({len(rows)} row{'' if len(rows) == 1 else 's'})\n")


def _one_line(cell: str | None) -> str:
    return "" if cell is None else cell.replace("\n", " ").replace("\t", " ")


def _write_json(objects: Iterable[str], out: TextIO) -> None:
    out.write("[")
    out.writelines(f"{',' if number else ''}\n{text}" for number, text in enumerate(objects))
    out.write("\n]\n")


def _objects(columns: Sequence[Column], rows: Iterable[Cells]) -> Iterator[str]:
    for row in rows:
        cells = {name: _value(oid, cell) for (name, oid), cell in zip(columns, row, strict=True)}
        yield json.dumps(cells, ensure_ascii=False)


def _value(oid: int, cell: str | None) -> Any:  # noqa: ANN401  any JSON value
    if cell is None:
        return None
    if oid in _WHOLE:
        return int(cell)
    if oid in _FRACTION:
        number = float(cell)
        return number if math.isfinite(number) else None
    if oid == _BOOLEAN:
        return cell == "t"
    return json.loads(cell) if oid in _JSON else cell
