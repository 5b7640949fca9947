"""The two servers as one worker sees them: frames in, records and dead letters out."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from typing import Final

import redis
import structlog

from schemas import transport
from schemas.messages import FrameFaces, encode
from schemas.streams import GROUP_WORKERS, faces_stream

RECLAIM_IDLE_MS: Final = 2000

_log = structlog.get_logger(__name__)


def consumer_name() -> str:
    """A name in the group that no other worker has or had; sorts by host, process and start."""
    return f"{socket.gethostname()}-{os.getpid():07d}-{time.time_ns():x}"


class FramesQueue:
    """The frames streams, as one consumer of the group `workers`.

    Args:
        client: of the frames server.
        streams: all that this worker reads.
        consumer: its name in the group.
        reclaim_idle_ms: entries not renewed for so long belong to a dead worker.
    """

    def __init__(
        self,
        client: transport.Client,
        streams: Sequence[str],
        consumer: str,
        reclaim_idle_ms: int = RECLAIM_IDLE_MS,
    ) -> None:
        self._client = client
        self._streams = list(streams)
        self._consumer = consumer
        self._reclaim_idle_ms = reclaim_idle_ms

    def join(self) -> None:
        """Create the group where it does not exist; older frames are then read as well."""
        for stream in self._streams:
            transport.ensure_group(self._client, stream, GROUP_WORKERS)

    def read(
        self, streams: Sequence[str], count: int, block_ms: int | None
    ) -> list[transport.Entry]:
        """At most `count` new entries in all; `block_ms` None returns at once."""
        return transport.read_group(
            self._client, GROUP_WORKERS, self._consumer, streams, count=count, block_ms=block_ms
        )

    def reclaim_one(self, stream: str) -> transport.Entry | None:
        """Take over one entry whose worker is dead; trimmed ones are swept on the way."""
        taken = transport.reclaim(
            self._client,
            stream,
            GROUP_WORKERS,
            self._consumer,
            min_idle_ms=self._reclaim_idle_ms,
            count=1,
        )
        return taken.entries[0] if taken.entries else None

    def renew(self, stream: str, entry_ids: Sequence[str]) -> None:
        """These entries are still in work."""
        transport.renew(self._client, stream, GROUP_WORKERS, self._consumer, entry_ids)

    def ack(self, stream: str, entry_ids: Sequence[str]) -> None:
        """These entries are done with."""
        transport.ack(self._client, stream, GROUP_WORKERS, entry_ids)

    def leave(self) -> None:
        """Forget this consumer; where it holds entries it stays, for others to take them over."""
        for stream in self._streams:
            try:
                held = self._client.xpending_range(
                    stream, GROUP_WORKERS, "-", "+", 1, consumername=self._consumer
                )
                if not held:
                    self._client.xgroup_delconsumer(stream, GROUP_WORKERS, self._consumer)
            except redis.RedisError as exc:  # a courtesy only: nothing depends on it
                _log.debug("Could not leave", action="leave_failed", reason=str(exc))
                return


class FacesQueue:
    """The rooms' logs and the dead letters.

    Args:
        client: of the observations server.
    """

    def __init__(self, client: transport.Client) -> None:
        self._client = client

    def publish(self, records: Sequence[FrameFaces]) -> None:
        """Append each record to its room's log, all at once; the aggregator trims it."""
        entries = [(faces_stream(r.room_id, r.run_id), encode(r)) for r in records]
        transport.publish_all(self._client, entries)

    def dead_letter(self, entry: transport.Entry, reason: str) -> None:
        """Keep what `entry` was, without its picture."""
        transport.dead_letter(
            self._client,
            origin_stream=entry.stream,
            entry_id=entry.entry_id,
            error=reason,
            fields=entry.fields,
        )
