"""Bodies of `facepose sql`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final, TextIO

from deploy.sql.catalog import read_catalog
from deploy.sql.errors import QueryError
from deploy.sql.printing import Format, write_rows
from deploy.sql.session import analyst, ask

MAX_SQL_BYTES: Final = 1 << 20
_TEXT: Final = 25  # OID of text


def run_query(
    url: str,
    sql: str,
    form: Format,
    *,
    limit: int | None,
    timeout_s: float,
    out: TextIO,
) -> str:
    """Write the answer to `out`; a sentence when rows were left out.

    Raises:
        QueryError: no answer, and why.
    """
    with analyst(url, timeout_s) as connection:
        columns, rows = ask(connection, sql)
        return write_rows(columns, rows, form, out, limit)


def list_views(url: str, form: Format, out: TextIO) -> None:
    """Every view with its comment."""
    with analyst(url, 0) as connection:
        views = read_catalog(connection).values()
    rows = iter([(view.name, view.words) for view in views])
    write_rows([("view", _TEXT), ("what it has", _TEXT)], rows, form, out)


def describe_view(url: str, name: str, form: Format, out: TextIO) -> None:
    """A view's columns with their types and comments.

    Raises:
        QueryError: there is no such view.
    """
    with analyst(url, 0) as connection:
        catalog = read_catalog(connection)
    view = catalog.get(name)
    if view is None:
        raise QueryError(f"there is no view {name}; there are {', '.join(catalog)}")
    if form is Format.TABLE:
        out.write(f"{view.name}: {view.words}\n\n")
    columns = [("column", _TEXT), ("type", _TEXT), ("what it says", _TEXT)]
    write_rows(columns, iter([tuple(column) for column in view.columns]), form, out)


def read_sql(sql: str | None, path: Path | None) -> str:
    """The statement, from the command line, a file, or standard input (`-`).

    Raises:
        QueryError: neither or both are given, or it is too long.
    """
    if (sql is None) == (path is None):
        raise QueryError('give the SQL or a file: `facepose sql "SELECT …"` or --file FILE.sql')
    if path is None:
        return sql or ""
    if str(path) == "-":
        text = sys.stdin.read(MAX_SQL_BYTES + 1)
    else:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_SQL_BYTES + 1)
    if len(text) > MAX_SQL_BYTES:
        raise QueryError(f"{path} is longer than {MAX_SQL_BYTES} characters: is it SQL?")
    return text
