"""How far a group is with a stream, for a publisher that waits for it."""

from __future__ import annotations

from typing import Any, cast

import redis

from schemas.transport.connection import Client
from schemas.transport.entries import id_order
from schemas.transport.failures import translated


def done_before(client: Client, stream: str, group: str) -> tuple[int, int] | None:
    """The order (`id_order`) before which every entry is delivered and acknowledged.

    Only from XINFO and XPENDING, in one transaction: Redis 6.2 knows no group's lag.

    Returns:
        None where the server knows no such stream or group, as after a restart without persistence.

    Raises:
        TransportDownError, TransportRefusedError: see `failures`.
    """
    with translated(), client.pipeline(transaction=True) as pipeline:
        pipeline.xinfo_groups(stream)
        pipeline.xpending(stream, group)
        try:
            groups, pending = cast("tuple[Any, Any]", pipeline.execute())
        except redis.ResponseError as exc:
            if "no such key" in str(exc) or "NOGROUP" in str(exc):
                return None
            raise
    mine = next((info for info in groups if info["name"] == group.encode()), None)
    if mine is None:
        return None
    if pending["pending"]:
        return id_order(pending["min"].decode("ascii"))
    milliseconds, number = id_order(mine["last-delivered-id"].decode("ascii"))
    return milliseconds, number + 1
