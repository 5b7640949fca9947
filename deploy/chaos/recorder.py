"""Keeps the whole log of observations: in Redis it is trimmed behind the aggregators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from schemas.messages import RoomMessage, decode_room_message
from schemas.streams import faces_stream
from schemas.transport import Client, TransportError, read_log, read_logs

Entries = list[tuple[str, RoomMessage]]
_COUNT: Final = 1000
_LOOKED_FOR: Final = 100  # the newest entries of a room: far from what is trimmed


class Recorder:
    """An independent reader of the rooms' logs, much faster than the minute that they are kept.

    Args:
        client: of the faces server.
        rooms: slugs.
    """

    def __init__(self, client: Client, rooms: Sequence[str]) -> None:
        self.entries: dict[str, Entries] = {room: [] for room in rooms}
        self._client = client
        self._streams = {faces_stream(room): room for room in rooms}
        self._after = dict.fromkeys(self._streams, "0-0")
        self.forgotten = 0  # entries that the server gave out and then lost

    def collect(self) -> None:
        """Read what is new; nothing while the server is away."""
        try:
            new = read_logs(self._client, self._after, count=_COUNT)
        except TransportError:
            return
        for entry in new:
            message = decode_room_message(entry.fields)
            self.entries[self._streams[entry.stream]].append((entry.entry_id, message))
            self._after[entry.stream] = entry.entry_id

    def count_forgotten(self) -> bool:
        """After a restart of the server: count what we have read and its log no longer holds.

        Returns:
            True, once the server was asked.

        Raises:
            TransportError: it is away again.
        """
        forgotten = 0
        for stream, room in self._streams.items():
            recent = [entry_id for entry_id, _ in self.entries[room][-_LOOKED_FOR:]]
            if recent:
                kept = read_log(self._client, stream, recent[0], count=_LOOKED_FOR)
                forgotten += len(set(recent[1:]) - {entry.entry_id for entry in kept})
        self.forgotten += forgotten
        return True
