"""PostgreSQL's errors as sentences: where in the SQL, and what was probably meant."""

from __future__ import annotations

import difflib
import re
from typing import Final

import psycopg
from psycopg import errors

from deploy.sql.catalog import Catalog

_NAMED: Final = re.compile(r'(?:relation|column|table|view) "?([^" ]+)"?')
_ADVICE: Final[dict[type[psycopg.Error], str]] = {
    errors.QueryCanceled: (
        "it took too long: ask for fewer days (started_at >= …), or give it more seconds "
        "with --timeout"
    ),
    errors.ReadOnlySqlTransaction: "`facepose sql` reads and never writes",
    errors.InsufficientPrivilege: (
        "`facepose sql` reads the views v_… only: `facepose sql --views` lists them; about "
        "single students ask as facepose_admin (docs/sql.md)"
    ),
}


def explain(exc: psycopg.Error, sql: str, catalog: Catalog) -> str:
    """The message, the line with a caret under the place, and advice where there is any."""
    message = exc.diag.message_primary or str(exc).strip() or type(exc).__name__
    lines = [message, *_place(exc, sql)]
    if advice := _advice(exc, message, catalog):
        lines.append(advice)
    return "\n".join(lines)


def _place(exc: psycopg.Error, sql: str) -> list[str]:
    """The line of the SQL at which PostgreSQL stopped, and a caret below."""
    position = exc.diag.statement_position
    if position is None or not 1 <= int(position) <= len(sql) + 1:
        return []
    before = sql[: int(position) - 1]
    number = before.count("\n") + 1
    line = sql.split("\n")[number - 1].expandtabs(1)
    label = f"line {number}: "
    column = len(before) - (before.rfind("\n") + 1)
    return [f"{label}{line}", f"{' ' * (len(label) + column)}^"]


def _advice(exc: psycopg.Error, message: str, catalog: Catalog) -> str:
    if isinstance(exc, errors.UndefinedTable):
        return _nearest(message, list(catalog), "facepose sql --views")
    if isinstance(exc, errors.UndefinedColumn):
        columns = {column.name for view in catalog.values() for column in view.columns}
        return _nearest(message, sorted(columns), "facepose sql --describe v_lessons")
    if isinstance(exc, errors.SyntaxError) and "multiple commands" in message:
        return "one statement at a time, please"
    advice = (words for kind, words in _ADVICE.items() if isinstance(exc, kind))
    return next(advice, exc.diag.message_hint or "")


def _nearest(message: str, known: list[str], ask: str) -> str:
    found = _NAMED.search(message)
    name = found.group(1).rpartition(".")[2].lower() if found else ""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if not close:  # students → v_student_weeks
        close = [other for other in known if name and name.rstrip("s") in other][:3]
    return f"did you mean {' or '.join(close)}? See `{ask}`" if close else f"see `{ask}`"
