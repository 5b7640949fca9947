"""Body of `facepose db roles`."""

from __future__ import annotations

from rich.console import Console

from schemas.database import connect, create_engine, require_migrated
from schemas.roles import explain_missing, make_roles


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
