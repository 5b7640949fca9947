"""Reading a stream as one of several consumers that share the work.

An entry is delivered, renewed while in work, and acknowledged. What its consumer stopped renewing
is taken over by `reclaim`. A server without persistence forgets its groups at a restart: they are
made again on the way, from the beginning of the stream.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import redis

from schemas.transport.connection import Client
from schemas.transport.entries import Entry, id_order, parse_entries, parse_streams
from schemas.transport.failures import translated
from schemas.transport.log import bounded_block

PAGE: Final = 500


@dataclass(frozen=True)
class Reclaimed:
    """What `reclaim` took over.

    Attributes:
        entries: ours now, `deliveries` counting this one.
        expired_ids: acknowledged, since they had been trimmed before anybody could finish them.
    """

    entries: list[Entry]
    expired_ids: list[str]


def ensure_group(client: Client, stream: str, group: str, start: str = "0") -> None:
    """Create the group (and the stream) unless it exists.

    Args:
        client: from `connect`.
        stream: the stream's name.
        group: the group's name.
        start: "0" reads what is there already, "$" only what comes.
    """
    with translated():
        try:
            client.xgroup_create(stream, group, id=start, mkstream=True)
        except redis.ResponseError as exc:
            if not str(exc).startswith("BUSYGROUP"):
                raise


def read_group(
    client: Client,
    group: str,
    consumer: str,
    streams: Sequence[str],
    *,
    count: int,
    block_ms: int | None = None,
) -> list[Entry]:
    """New entries for this consumer, at most `count` in all.

    Redis' COUNT is for each stream. So the streams are asked in groups small enough for the
    total, in the order given: rotate it between calls, or the first ones starve the rest. Only
    when nothing at all is there does one call wait on all of them; should several streams get
    entries just before it, it brings one of each.

    Args:
        client: from `connect`.
        group: the group's name.
        consumer: this process' name in the group.
        streams: of one hash tag.
        count: bound of the batch, at least 1.
        block_ms: how long to wait when nothing is there, at most 2000; None returns at once.

    Raises:
        TransportDownError, TransportRefusedError: see `failures`.
    """
    if not streams:
        return []
    entries: list[Entry] = []
    position = 0
    while position < len(streams) and len(entries) < count:
        room = count - len(entries)
        chunk = streams[position : position + room]
        position += len(chunk)
        entries += _read(client, group, consumer, chunk, count=max(1, room // len(chunk)))
    if entries or not block_ms:
        return entries
    return _read(client, group, consumer, streams, count=1, block_ms=block_ms)


def ack(client: Client, stream: str, group: str, ids: Sequence[str]) -> int:
    """These entries are done with; how many were still pending."""
    if not ids:
        return 0
    with translated():
        return int(client.xack(stream, group, *ids))


def renew(client: Client, stream: str, group: str, consumer: str, ids: Sequence[str]) -> None:
    """Reset the idle time of entries in work; does not count as a delivery."""
    if not ids:
        return
    with translated():
        try:
            client.xclaim(stream, group, consumer, 0, list(ids), justid=True)
        except redis.ResponseError as exc:
            if not _group_is_lost(exc):
                raise


def reclaim(
    client: Client, stream: str, group: str, consumer: str, *, min_idle_ms: int, count: int
) -> Reclaimed:
    """Take over entries whose consumer has not renewed them for `min_idle_ms`.

    XPENDING and XCLAIM rather than XAUTOCLAIM: they tell the number of deliveries, and Redis 6.2's
    XAUTOCLAIM gives nil for a trimmed entry, without its id.
    """
    expired = sweep(client, stream, group, min_idle_ms=min_idle_ms)
    page = next(_idle(client, stream, group, min_idle_ms, count), {})
    if not page:
        return Reclaimed([], expired)
    ids: list[Any] = list(page)
    with translated():
        raw = client.xclaim(stream, group, consumer, min_idle_ms, ids)
    entries = [
        replace(entry, deliveries=page[entry.entry_id] + 1)
        for entry in parse_entries(stream, cast("list[Any]", raw))
    ]
    return Reclaimed(entries, expired)


def sweep(client: Client, stream: str, group: str, *, min_idle_ms: int) -> list[str]:
    """Acknowledge idle entries that were trimmed: they stay pending for ever otherwise; their ids.

    Streams are only ever trimmed from their old end, so what is older than the oldest is gone.
    Of several sweepers exactly one counts an entry.
    """
    expired: list[str] = []
    oldest: tuple[int, int] | None = None
    for page in _idle(client, stream, group, min_idle_ms, PAGE):
        oldest = oldest or _oldest_id(client, stream)
        gone = [entry_id for entry_id in page if id_order(entry_id) < oldest]
        expired += _ack_each(client, stream, group, gone)
        if len(gone) < len(page):
            break
    return expired


def _ack_each(client: Client, stream: str, group: str, ids: Sequence[str]) -> list[str]:
    """Acknowledge one by one in one round trip; the ids that nobody had acknowledged before."""
    with translated(), client.pipeline(transaction=False) as pipeline:
        for entry_id in ids:
            pipeline.xack(stream, group, entry_id)
        return [entry_id for entry_id, done in zip(ids, pipeline.execute(), strict=True) if done]


def pending_count(client: Client, stream: str, group: str) -> int:
    """How many entries are delivered and not acknowledged."""
    with translated():
        try:
            summary = client.xpending(stream, group)
        except redis.ResponseError as exc:
            if not _group_is_lost(exc):
                raise
            return 0
    return int(summary["pending"])


def _read(
    client: Client,
    group: str,
    consumer: str,
    streams: Sequence[str],
    *,
    count: int,
    block_ms: int | None = None,
) -> list[Entry]:
    """One XREADGROUP; makes lost groups again and tries once more, without waiting."""
    wanted: dict[Any, Any] = dict.fromkeys(streams, ">")
    with translated():
        try:
            raw = client.xreadgroup(
                group, consumer, wanted, count=count, block=bounded_block(block_ms)
            )
        except redis.ResponseError as exc:
            if not _group_is_lost(exc):
                raise
            for stream in streams:
                ensure_group(client, stream, group)
            raw = client.xreadgroup(group, consumer, wanted, count=count)
    return parse_streams(cast("list[Any]", raw))


def _idle(
    client: Client, stream: str, group: str, min_idle_ms: int, page: int
) -> Iterator[dict[str, int]]:
    """Pages of idle entries, oldest first: id → how often it was delivered."""
    start = "-"
    while True:
        with translated():
            try:
                raw = client.xpending_range(
                    stream, group, min=start, max="+", count=page, idle=min_idle_ms
                )
            except redis.ResponseError as exc:
                if not _group_is_lost(exc):
                    raise
                ensure_group(client, stream, group)
                return
        rows = cast("list[dict[str, Any]]", raw)
        if rows:
            yield {row["message_id"].decode("ascii"): int(row["times_delivered"]) for row in rows}
        if len(rows) < page:
            return
        start = f"({rows[-1]['message_id'].decode('ascii')}"


def _oldest_id(client: Client, stream: str) -> tuple[int, int]:
    """The order of the oldest entry's id; beyond all ids when the stream is empty."""
    with translated():
        rows = cast("list[Any]", client.xrange(stream, count=1))
    return id_order(rows[0][0].decode("ascii")) if rows else (2**64, 0)


def _group_is_lost(exc: redis.ResponseError) -> bool:
    """Whether the server forgot the group, or the stream went away while we waited on it."""
    return str(exc).startswith(("NOGROUP", "UNBLOCKED"))
