"""An empty database for a whole module of tests, where `database_url` makes one a test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import make_url, text

from schemas.database import create_engine


@contextmanager
def fresh_database(server_url: str, like: str = "") -> Iterator[str]:
    """The url of a new database, dropped afterwards.

    Args:
        server_url: of the server.
        like: url of a database to copy, on which nobody is connected.
    """
    name = f"test_{uuid.uuid4().hex}"
    copied = f" TEMPLATE {make_url(like).database}" if like else ""
    _autocommit(server_url, f"CREATE DATABASE {name}{copied}")
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        _autocommit(server_url, f"DROP DATABASE {name} WITH (FORCE)")


def _autocommit(url: str, sql: str) -> None:
    engine = create_engine(url, pooled=False)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(sql))
