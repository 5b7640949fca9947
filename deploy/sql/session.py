"""Asking as an analyst: one statement, read only, with a time-out, rows as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

import psycopg
from psycopg.types.string import TextLoader

from deploy.sql.catalog import read_catalog
from deploy.sql.errors import QueryError
from deploy.sql.mistakes import explain
from schemas.settings import plain_database_url

ROLE: Final = "facepose_analyst"
ROWS_AT_ONCE: Final = 500
_CONNECT_TIMEOUT_S: Final = 5

Connection = psycopg.Connection[tuple[Any, ...]]
Column = tuple[str, int]  # name, OID of the type
Cells = tuple[str | None, ...]  # values as PostgreSQL writes them


@contextmanager
def analyst(url: str, timeout_s: float) -> Iterator[Connection]:
    """A connection inside of a read-only transaction of role facepose_analyst.

    Args:
        url: SQLAlchemy's or plain url of a user who is, or may become, that role.
        timeout_s: longest time of a statement, seconds; 0: none.

    Raises:
        QueryError: no server answers, or there is no such role for this user.
    """
    try:
        connection: Connection = psycopg.connect(
            plain_database_url(url),
            application_name="facepose sql",
            connect_timeout=_CONNECT_TIMEOUT_S,
            options=f"-c statement_timeout={round(1000 * timeout_s)} -c timezone=UTC",
        )
    except psycopg.OperationalError as exc:
        raise QueryError(f"PostgreSQL: {str(exc).strip().splitlines()[0]}") from exc
    with closing(connection):
        connection.read_only = True
        for known in psycopg.postgres.types:  # times before Christ and infinite ones, too
            connection.adapters.register_loader(known.oid, TextLoader)
            if known.array_oid:
                connection.adapters.register_loader(known.array_oid, TextLoader)
        _become_analyst(connection)
        yield connection


def ask(connection: Connection, sql: str) -> tuple[Sequence[Column], Iterator[Cells]]:
    """Columns and rows of one statement; rows come from the server as they are taken.

    Raises:
        QueryError: PostgreSQL refuses it, here or later while it makes rows.
    """
    if not sql.strip():
        raise QueryError('there is no SQL; write `facepose sql "SELECT …"`, or --file FILE')
    cursor = connection.cursor()
    rows = _told(connection, sql, cursor.stream(sql.encode(), size=ROWS_AT_ONCE))
    first = next(rows, None)
    if first is None:
        return _columns_of(connection, sql), iter(())
    columns = [(column.name, column.type_code) for column in cursor.description or ()]
    return columns, _from(first, rows)


def _columns_of(connection: Connection, sql: str) -> list[Column]:
    """What the statement would give: a stream without rows does not tell."""
    connection.pgconn.prepare(b"", sql.encode())
    told = connection.pgconn.describe_prepared(b"")
    return [((told.fname(n) or b"").decode(), told.ftype(n)) for n in range(told.nfields)]


def _from(first: Cells, rows: Iterator[Cells]) -> Iterator[Cells]:
    yield first
    yield from rows


def _told(connection: Connection, sql: str, rows: Iterator[Cells]) -> Iterator[Cells]:
    """The rows; an error of PostgreSQL becomes a sentence."""
    try:
        yield from rows
    except psycopg.Error as exc:
        connection.rollback()
        _become_analyst(connection)
        if exc.sqlstate is None and isinstance(exc, psycopg.ProgrammingError):
            raise QueryError(
                "this statement gives no rows; `facepose sql` is there for questions"
            ) from exc
        raise QueryError(explain(exc, sql, read_catalog(connection))) from exc


def _become_analyst(connection: Connection) -> None:
    try:
        connection.execute(f"SET LOCAL ROLE {ROLE}")
    except psycopg.errors.InvalidParameterValue as exc:
        raise QueryError(
            f"this server has no role {ROLE}: run `facepose db upgrade`, or `facepose db roles`"
        ) from exc
    except psycopg.errors.InsufficientPrivilege as exc:
        raise QueryError(
            f"user {connection.info.user} of DATABASE_URL may not ask as {ROLE}; as its owner, "
            f"run: GRANT {ROLE} TO {connection.info.user}"
        ) from exc
