"""One at a time gives out numbers of the reference tables."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

_LOCK: Final = 0x0FACE_0003  # any number that is ours alone


def hold_numbers(connection: Connection) -> None:
    """Wait until nobody else gives out numbers, and hold them until the transaction ends."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
