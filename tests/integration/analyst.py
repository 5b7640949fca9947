"""Asking a test's database as a login of role facepose_analyst, as a school's analyst does."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from schemas.settings import plain_database_url

PASSWORD = "an-analysts-own-password"  # of a server that lives as long as the tests


@contextmanager
def analyst_login(owner_url: str, role: str = "facepose_analyst") -> Iterator[str]:
    """The url of a new login that is in `role` and in nothing else; dropped afterwards."""
    name = f"analyst_{uuid.uuid4().hex[:12]}"
    create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}").format(
        sql.Identifier(name), sql.Literal(PASSWORD), sql.Identifier(role)
    )
    _run(owner_url, create)
    try:
        url = make_url(owner_url).set(username=name, password=PASSWORD)
        yield url.render_as_string(hide_password=False)
    finally:
        _run(owner_url, sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@contextmanager
def connection_of(url: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """An autocommitting connection: every statement stands for itself."""
    with psycopg.connect(plain_database_url(url), autocommit=True) as connection:
        yield connection


def _run(url: str, statement: sql.Composed) -> None:
    with connection_of(url) as connection:
        connection.execute(statement)
