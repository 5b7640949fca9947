"""The audit's chain, followed by a program of its own: what the database computed is not believed.

Each entry's hash is SHA-256 over the hash of the entry before and the fields of the entry. What the
chain alone cannot show is that its newest entries are missing: note the newest hash elsewhere, and
look for it later.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, text

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
CHAIN: Final = text(
    """
    SELECT audit_id, ts, actor, role, action, object, object_id, reason, row_count, prev_hash, hash
    FROM audit_log ORDER BY audit_id
    """
)
ENTRIES: Final = text("SELECT * FROM audit_entries(:since, :until)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What following the chain showed.

    Attributes:
        entries: how many there are.
        first: time of the oldest; None: there are none.
        head: hash of the newest, hex; "": there are none.
        faults: one sentence for each break.
        found: whether the hash that was looked for is in the chain; None: none was.
    """

    entries: int
    first: dt.datetime | None
    head: str
    faults: tuple[str, ...]
    found: bool | None

    @property
    def is_whole(self) -> bool:
        """Whether nothing speaks against the audit."""
        return not self.faults and self.found is not False


def entry_hash(row: Row[Any]) -> bytes:
    """The hash that an entry must have."""
    microseconds = (row.ts - _EPOCH) // _MICROSECOND
    fields = [
        str(row.audit_id),
        str(microseconds),
        *(_sized(value) for value in (row.actor, row.role, row.action, row.object)),
        _sized(row.object_id),
        _sized(row.reason),
        "-" if row.row_count is None else str(row.row_count),
    ]
    return hashlib.sha256(bytes(row.prev_hash or b"") + "|".join(fields).encode()).digest()


def verify(connection: Connection, expected: str = "") -> Verdict:
    """Follow the whole chain.

    Args:
        connection: of a role that may read the audit.
        expected: a hash that was the newest once, hex.
    """
    return follow(connection.execute(CHAIN.execution_options(yield_per=1000)), expected)


def follow(rows: Iterable[Row[Any]], expected: str = "") -> Verdict:
    """Follow entries from the oldest on; the first may point to one that retention dropped."""
    before: Row[Any] | None = None
    first, count, found = None, 0, False
    faults: list[str] = []
    for row in rows:
        faults += _faults(row, before)
        first, before, count = first or row.ts, row, count + 1
        found = found or bytes(row.hash).hex() == expected
    head = bytes(before.hash).hex() if before is not None else ""
    return Verdict(count, first, head, tuple(faults), found if expected else None)


def _faults(row: Row[Any], before: Row[Any] | None) -> Iterator[str]:
    if bytes(row.hash) != entry_hash(row):
        yield f"entry {row.audit_id} of {row.ts:%Y-%m-%d %H:%M:%S} UTC was changed"
    if before is not None and bytes(row.prev_hash or b"") != bytes(before.hash):
        yield f"an entry between {before.audit_id} and {row.audit_id} is missing or was changed"


def _sized(value: str | None) -> str:
    return "-" if value is None else f"{len(value)}:{value}"
