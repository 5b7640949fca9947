"""Entries that only carry a number, published to the transport and read back."""

from __future__ import annotations

from schemas import transport
from schemas.transport import Client

GROUP = "workers"
STREAM = "frames:{0}:door"


def publish(client: Client, number: int, stream: str = STREAM, **trim) -> str:
    return transport.publish(client, stream, {b"n": b"%d" % number}, **trim)


def numbers(entries) -> list[int]:
    return [int(entry.fields[b"n"]) for entry in entries]


def read(client: Client, consumer: str = "one", streams=(STREAM,), count: int = 10, block_ms=None):
    return transport.read_group(client, GROUP, consumer, streams, count=count, block_ms=block_ms)
