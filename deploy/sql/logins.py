"""Logins for programs and people who read the views: Metabase, Grafana, Power BI, an analyst."""

from __future__ import annotations

import re
import secrets
from contextlib import closing
from typing import Any, Final

import psycopg
from psycopg import sql
from rich.console import Console

from deploy.sql.errors import QueryError
from deploy.sql.session import ROLE
from schemas.errors import SettingsError
from schemas.settings import plain_database_url

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,30}")
_CONNECT_TIMEOUT_S: Final = 5
# Of every session of the login; it may change them, but not what it may read.
_HABITS: Final = (
    "statement_timeout = '30s'",
    "default_transaction_read_only = on",
    "idle_in_transaction_session_timeout = '5min'",
)


def make_analyst(url: str, name: str, console: Console, *, renew: bool = False) -> None:
    """Create a login in role facepose_analyst and print its password, which is kept nowhere.

    Args:
        url: of a user who may create roles.
        name: of the login.
        console: where the password is printed.
        renew: the login is there; only give it a new password.

    Raises:
        SettingsError: the name is not one of a login, or it is taken by something else.
        QueryError: the user may not create roles, or no server answers.
    """
    if not _NAME.fullmatch(name) or name.startswith(("facepose", "pg_")):
        raise SettingsError(
            f"{name!r} cannot be a login: small letters, digits and _, at most 31, and none "
            "that begins with facepose or pg_"
        )
    password = secrets.token_urlsafe(24)
    try:
        connection: psycopg.Connection[tuple[Any, ...]] = psycopg.connect(
            plain_database_url(url), connect_timeout=_CONNECT_TIMEOUT_S
        )
        with closing(connection), connection.transaction():
            _write(connection, name, password, renew=renew)
            host, port = connection.info.host, connection.info.port
            database = connection.info.dbname
    except psycopg.Error as exc:
        reason = exc.diag.message_primary or str(exc).strip().splitlines()[0]
        raise QueryError(f"login {name} was not made: {reason}") from exc
    console.print(f"user      {name}\npassword  {password}", highlight=False, markup=False)
    console.print(f"host      {host}\nport      {port}\ndatabase  {database}", highlight=False)
    console.print("The password is shown this once; `--renew` gives a new one.", highlight=False)


def _write(
    connection: psycopg.Connection[tuple[Any, ...]], name: str, password: str, *, renew: bool
) -> None:
    """Create or renew; the server sees the password only as its SCRAM verifier."""
    verifier = connection.pgconn.encrypt_password(
        password.encode(), name.encode(), b"scram-sha-256"
    ).decode()
    _require(connection, name, there=renew)
    verb = sql.SQL("ALTER ROLE {} PASSWORD {}" if renew else "CREATE ROLE {} LOGIN PASSWORD {}")
    connection.execute(verb.format(sql.Identifier(name), sql.Literal(verifier)))
    if not renew:
        grant = sql.SQL("GRANT {} TO {}").format(sql.Identifier(ROLE), sql.Identifier(name))
        connection.execute(grant)
    for habit in _HABITS:
        connection.execute(sql.SQL("ALTER ROLE {} SET " + habit).format(sql.Identifier(name)))


def _require(connection: psycopg.Connection[tuple[Any, ...]], name: str, *, there: bool) -> None:
    """Whether the name is free, or that of an analyst's login.

    Raises:
        SettingsError: it is not as it should be.
    """
    known = connection.execute(
        "SELECT rolcanlogin AND NOT rolsuper AND EXISTS (SELECT FROM pg_auth_members AS m"
        " JOIN pg_roles AS g ON g.oid = m.roleid WHERE m.member = r.oid AND g.rolname = %s)"
        " FROM pg_roles AS r WHERE rolname = %s",
        [ROLE, name],
    ).fetchone()
    if there and known != (True,):
        raise SettingsError(f"there is no analyst's login {name}: leave --renew out")
    if not there and known is not None:
        raise SettingsError(f"{name} is there already: another name, or --renew for a new password")
