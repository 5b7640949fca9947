"""The database that a command works on: DATABASE_URL, or the embedded one of a state folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deploy.local.errors import AlreadyRunningError, LocalError
from deploy.local.postgres import EmbeddedPostgres
from schemas.settings import Settings

DEFAULT_STATE: Final = Path(".facepose")


@contextmanager
def opened_database(settings: Settings, state: Path | None) -> Iterator[str]:
    """Its url, in SQLAlchemy's form; an embedded server runs until the end of the block.

    Args:
        settings: DATABASE_URL counts, unless a state folder is asked for by name.
        state: folder of the embedded servers; None: DATABASE_URL, FACEPOSE_STATE or `.facepose`.

    Raises:
        LocalError: there is no embedded database there.
    """
    if state is None and settings.database_url is not None:
        yield settings.require_database_url()
        return
    named = state or settings.state or DEFAULT_STATE
    folder = named.absolute() / "postgres"
    if not folder.is_dir():
        raise LocalError(
            f"there is no embedded database in {named}; name its folder with --state, "
            "or set DATABASE_URL"
        )
    server = EmbeddedPostgres(folder)
    try:
        url = server.start()
    except AlreadyRunningError:  # `facepose up` has it
        yield server.remembered_url() or ""
        return
    try:
        yield url
    finally:
        server.stop()
