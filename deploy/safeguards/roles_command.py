"""Bodies of `facepose db roles` and `facepose db login`."""

from __future__ import annotations

import os

from psycopg import sql
from rich.console import Console
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from schemas.database import connect, create_engine, require_migrated
from schemas.errors import FacePoseError, SettingsError
from schemas.roles import GROUPS, Group, explain_missing, login_sql, make_roles, missing_roles

_PASSWORD: str = "FACEPOSE_LOGIN_PASSWORD"  # noqa: S105  the variable's name
_MIN_PASSWORD: int = 12


class RoleError(FacePoseError):
    """A role cannot be made."""


def give_roles(url: str, console: Console) -> bool:
    """Make the groups, where this user may, and give them their rights; True: all are there."""
    with connect(create_engine(url, pooled=False)) as connection:
        require_migrated(connection)
        missing = make_roles(connection)
        connection.commit()
    if missing:
        console.print(explain_missing(missing), highlight=False, soft_wrap=True)
        return False
    console.print("The roles are there and have their rights in this database.")
    return True


def make_login(url: str, name: str, group: str, console: Console) -> None:
    """Make a login of a group, with the password of FACEPOSE_LOGIN_PASSWORD.

    Raises:
        SettingsError: the name, the group or the password cannot be used.
        RoleError: the name is taken, or this user may not create roles.
    """
    statements = login_sql(name, _group(group))
    password = os.environ.get(_PASSWORD, "")
    if len(password) < _MIN_PASSWORD:
        raise SettingsError(
            f"set {_PASSWORD} to the new user's password, of {_MIN_PASSWORD} characters or more"
        )
    with connect(create_engine(url, pooled=False)) as connection:
        require_migrated(connection)
        if missing := missing_roles(connection):
            raise RoleError(explain_missing(missing))
        try:
            connection.execute(text(statements))
        except ProgrammingError as exc:
            raise RoleError(f"{name} was not made: {str(exc.orig).partition(chr(10))[0]}") from exc
        driver = connection.connection.driver_connection
        if driver is None:
            raise RoleError("the connection was lost")
        # A password is no parameter of a statement; it is quoted here, and hashed by the server.
        driver.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), sql.Literal(password))
        )
        connection.commit()
    console.print(f"User {name} belongs to facepose_{group}.", highlight=False)


def _group(name: str) -> Group:
    for group in GROUPS:
        if group == name:
            return group
    raise SettingsError(f"{name!r} is not a role; choose one of {', '.join(GROUPS)}")
