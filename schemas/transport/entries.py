"""Entries of a stream and their ids, `MILLISECONDS-NUMBER` by the server's clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it was delivered.

    Attributes:
        stream: the stream's name.
        entry_id: Redis' id of the entry.
        fields: what was published.
        deliveries: how often a consumer got it, this time included.
    """

    stream: str
    entry_id: str
    fields: Mapping[bytes, bytes]
    deliveries: int = 1

    @property
    def id(self) -> str:
        """Short for `entry_id`."""
        return self.entry_id


def entry_time_ns(entry_id: str) -> int:
    """When the server took the entry, Unix time in nanoseconds (exact to a millisecond)."""
    return int(entry_id.partition("-")[0]) * 1_000_000


def id_before_ns(time_ns: int) -> str:
    """The smallest id that an entry taken at `time_ns` or later can have."""
    return f"{max(0, time_ns) // 1_000_000}-0"


def id_order(entry_id: str) -> tuple[int, int]:
    """Sorts ids as the server does; as text, 10-0 would come before 9-0."""
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)


def parse_entries(stream: str, raw: Iterable[Any]) -> list[Entry]:
    """Entries out of redis-py's reply; trimmed ones (nil or without fields) are left out."""
    return [
        Entry(stream, entry_id.decode("ascii"), fields)
        for entry_id, fields in raw
        if entry_id is not None and fields
    ]


def parse_streams(raw: Iterable[Any] | None) -> list[Entry]:
    """Entries out of the reply to XREAD or XREADGROUP, in the order of the streams asked."""
    return [entry for name, entries in raw or () for entry in parse_entries(name.decode(), entries)]
