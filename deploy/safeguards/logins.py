"""Logins: database users of one of the four roles, for services, programs and people."""

from __future__ import annotations

import secrets
from contextlib import closing
from typing import Any

import psycopg
from psycopg import sql
from rich.console import Console

from deploy.safeguards.errors import RoleError
from schemas.errors import SettingsError
from schemas.roles import GROUPS, Group, group_name, login_sql
from schemas.settings import plain_database_url

_CONNECT_TIMEOUT_S = 5
_PASSWORD_BYTES = 24
Connection = psycopg.Connection[tuple[Any, ...]]


def make_login(url: str, name: str, group: str, console: Console, *, renew: bool = False) -> None:
    """Create a login of a role and print its password, which is kept nowhere.

    Args:
        url: of a user who may create roles.
        name: of the login.
        group: `writer`, `maintenance`, `analyst` or `admin`.
        console: where the password is printed.
        renew: the login is there; only give it a new password.

    Raises:
        SettingsError: the name or the role cannot be used, or the name is taken.
        RoleError: the user may not create roles, the roles are missing, or no server answers.
    """
    statements = login_sql(name, _group(group))
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    try:
        with closing(_connect(url)) as connection, connection.transaction():
            _require(connection, name, _group(group), there=renew)
            if not renew:
                connection.execute(statements.encode())
            _set_password(connection, name, password)
            server = connection.info
            lines = {"user": name, "password": password, "host": server.host}
            lines |= {"port": str(server.port), "database": server.dbname}
    except psycopg.Error as exc:
        reason = exc.diag.message_primary or str(exc).strip().partition("\n")[0]
        raise RoleError(f"login {name} was not made: {reason}") from exc
    for title, value in lines.items():
        console.print(f"{title:<9} {value}", highlight=False, markup=False, soft_wrap=True)
    console.print("The password is shown this once; `--renew` gives a new one.", highlight=False)


def _connect(url: str) -> Connection:
    return psycopg.connect(plain_database_url(url), connect_timeout=_CONNECT_TIMEOUT_S)


def _set_password(connection: Connection, name: str, password: str) -> None:
    """The server sees only the password's SCRAM verifier, in no log the password."""
    verifier = connection.pgconn.encrypt_password(
        password.encode(), name.encode(), b"scram-sha-256"
    ).decode()
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
    connection.execute(statement.format(sql.Identifier(name), sql.Literal(verifier)))


def _require(connection: Connection, name: str, group: Group, *, there: bool) -> None:
    """Whether the name is free, or that of a login of the role.

    Raises:
        SettingsError: it is not as it should be.
    """
    known = connection.execute(
        "SELECT rolcanlogin AND NOT rolsuper AND EXISTS (SELECT FROM pg_auth_members AS m"
        " JOIN pg_roles AS g ON g.oid = m.roleid WHERE m.member = r.oid AND g.rolname = %s)"
        " FROM pg_roles AS r WHERE rolname = %s",
        [group_name(group), name],
    ).fetchone()
    if there and known != (True,):
        raise SettingsError(f"there is no login {name} of role {group}: leave --renew out")
    if not there and known is not None:
        raise SettingsError(f"{name} is there already: another name, or --renew for a new password")


def _group(name: str) -> Group:
    for group in GROUPS:
        if group == name:
            return group
    raise SettingsError(f"{name!r} is not a role; choose one of {', '.join(GROUPS)}")
