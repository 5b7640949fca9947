"""Database roles: groups without a login, and logins that belong to one of them.

Migration 0007 makes them where it may and gives them their rights; `create_facepose_roles()` and
`grant_facepose_roles()` stay in the database for servers where somebody else has to.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

from sqlalchemy import Connection, text

from schemas.errors import SettingsError

Group = Literal["writer", "maintenance", "analyst", "admin"]
GROUPS: Final[tuple[Group, ...]] = get_args(Group)
_PREFIX: Final = "facepose_"
_MOST_LETTERS: Final = 63
_MISSING: Final = text(
    "SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE to_regrole(name) IS NULL"
)
# A group's own settings do not reach its members: each login has them.
_SETTINGS: Final[dict[Group, tuple[str, ...]]] = {
    "analyst": (
        "default_transaction_read_only = on",
        "statement_timeout = '30s'",
        "idle_in_transaction_session_timeout = '60s'",
    ),
    # the audit waits for every reader's commit
    "admin": ("statement_timeout = '60s'", "idle_in_transaction_session_timeout = '60s'"),
    "writer": (),
    "maintenance": (),
}


def group_name(group: Group) -> str:
    """The role in the database."""
    return _PREFIX + group


def missing_roles(connection: Connection) -> list[str]:
    """The groups that this server does not have yet."""
    names = [group_name(group) for group in GROUPS]
    return list(connection.execute(_MISSING, {"names": names}).scalars())


def make_roles(connection: Connection) -> list[str]:
    """Make what is missing, where this user may, and give all their rights.

    Returns:
        The groups that are still missing.
    """
    connection.execute(text("SELECT create_facepose_roles()"))
    connection.execute(text("SELECT grant_facepose_roles()"))
    return missing_roles(connection)


def role_sql() -> str:
    """What a database administrator runs where this program may not make roles."""
    lines = [f"CREATE ROLE {group_name(group)} NOLOGIN;" for group in GROUPS]
    lines.append(f"GRANT {group_name('analyst')} TO {group_name('admin')};")
    return "\n".join(lines) + "\n"


def login_sql(name: str, group: Group) -> str:
    """What makes a login of a group, without its password.

    Raises:
        SettingsError: the name is none of letters, digits and underscores.
    """
    plain = name.isascii() and name.isidentifier() and name.islower() and len(name) <= _MOST_LETTERS
    if not plain or name.startswith((_PREFIX, "pg_")):
        raise SettingsError(
            f"{name!r} cannot be a login: small letters, digits and _, at most {_MOST_LETTERS}, "
            f"and none that begins with {_PREFIX} or pg_"
        )
    lines = [f'CREATE ROLE "{name}" LOGIN IN ROLE {group_name(group)};']
    lines += [f'ALTER ROLE "{name}" SET {setting};' for setting in _SETTINGS[group]]
    return "\n".join(lines) + "\n"


def explain_missing(missing: list[str]) -> str:
    """A sentence for people."""
    return (
        f"the roles {', '.join(missing)} do not exist and this user may not create them: let an "
        "administrator of the server run what `facepose db roles --print` prints, then run "
        "`facepose db roles`"
    )
