"""Writing to a stream, and reading one as a log from a position that the reader keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import redis

from schemas.transport.connection import MAX_BLOCK_MS, Client
from schemas.transport.entries import Entry, parse_streams
from schemas.transport.failures import translated


def publish(
    client: Client,
    stream: str,
    fields: Mapping[bytes, bytes],
    *,
    maxlen: int | None = None,
    minid: str | None = None,
) -> str:
    """Append an entry and trim the stream; its id.

    A connection that breaks at the wrong moment may publish twice: readers deduplicate on the
    frame's identity.

    Args:
        client: from `connect`.
        stream: the stream's name.
        fields: what `schemas.messages.encode` gave.
        maxlen: keep about the newest so many (exactly, for entries above 4 KB).
        minid: drop what is older than this id.

    Raises:
        StreamFullError: the server's memory is full; nothing was stored.
        TransportDownError, TransportRefusedError: see `failures`.
    """
    payload: dict[Any, Any] = dict(fields)
    with translated():
        try:
            entry_id = client.xadd(stream, payload, maxlen=maxlen, minid=minid, approximate=True)
        except redis.OutOfMemoryError:
            if maxlen is None:
                raise
            # a full server refuses XADD even when its own trimming would make room: trim apart
            client.xtrim(stream, maxlen=max(0, maxlen - 1), approximate=False)
            entry_id = client.xadd(stream, payload, maxlen=maxlen, approximate=True)
    return cast("bytes", entry_id).decode("ascii")


def publish_all(client: Client, entries: Sequence[tuple[str, Mapping[bytes, bytes]]]) -> None:
    """Append entries, each to its stream, in one round trip.

    A server that writes to its disk before each answer then does so once for all of them (8
    entries: 10 ms instead of 78). Whoever tries again after an error may publish some twice.

    Args:
        client: from `connect`.
        entries: stream and fields, in order; streams of one hash tag.

    Raises:
        StreamFullError, TransportDownError, TransportRefusedError: see `failures`.
    """
    with translated():
        pipeline = client.pipeline(transaction=False)
        for stream, fields in entries:
            payload: dict[Any, Any] = dict(fields)
            pipeline.xadd(stream, payload)
        pipeline.execute()


def read_log(
    client: Client, stream: str, after_id: str, *, count: int = 100, block_ms: int | None = None
) -> list[Entry]:
    """The next entries of one stream after a position.

    Args:
        client: from `connect`.
        stream: the stream's name.
        after_id: position, "0" for the beginning.
        count: at most so many.
        block_ms: how long to wait for the first one, at most 2000; None returns at once.
    """
    return read_logs(client, {stream: after_id}, count=count, block_ms=block_ms)


def read_logs(
    client: Client,
    positions: Mapping[str, str],
    *,
    count: int = 100,
    block_ms: int | None = None,
) -> list[Entry]:
    """As `read_log` for several streams of one hash tag; `count` is for each of them."""
    if not positions:
        return []
    wanted: dict[Any, Any] = dict(positions)
    with translated():
        raw = client.xread(wanted, count=count, block=bounded_block(block_ms))
    return parse_streams(cast("list[Any]", raw))


def trim_below(client: Client, stream: str, entry_id: str, *, exact: bool = False) -> int:
    """Drop entries older than `entry_id`, which itself stays; how many went.

    Not exact, Redis drops whole nodes only (some 100 small entries), which costs far less.
    """
    with translated():
        return int(client.xtrim(stream, minid=entry_id, approximate=not exact))


def forget_after(client: Client, stream: str, seconds: int) -> None:
    """Let the server drop the whole stream, its groups too, so many seconds from now."""
    with translated():
        client.expire(stream, seconds)


def last_id(client: Client, stream: str) -> str:
    """The newest id that the stream ever gave, "0-0" when there is no such stream."""
    with translated():
        try:
            info = client.xinfo_stream(stream)
        except redis.ResponseError as exc:
            if "no such key" in str(exc):
                return "0-0"
            raise
    return cast("bytes", info["last-generated-id"]).decode("ascii")


def length(client: Client, stream: str) -> int:
    """How many entries the stream holds."""
    with translated():
        return int(client.xlen(stream))


def bounded_block(block_ms: int | None) -> int | None:
    """A wait that ends before the socket's time-out; Redis reads 0 as for ever, so 0 is None."""
    return min(block_ms, MAX_BLOCK_MS) if block_ms else None
