"""A room as it stands at the end of its log, for those who only look on."""

from __future__ import annotations

from aggregator.held_room import load_room
from aggregator.leases import Lease
from aggregator.room import Room
from aggregator.store import Store
from schemas.errors import MalformedMessageError
from schemas.messages import decode_room_message
from schemas.transport import Client, read_log


def look_at_room(client: Client, store: Store, room_number: int, room_id: str) -> Room:
    """The live room after all that its log holds now; nothing is written, no lease is taken.

    Raises:
        NewerSnapshotError, NewerMessageError: a newer program runs it.
        TransportDownError, DatabaseUnavailableError: a server is away.
    """
    held = load_room(client, store, Lease(room_number, "", "", 0), room_id)
    room = held.room
    while entries := read_log(client, held.stream, room.position, count=500):
        for entry in entries:
            try:
                room.feed(entry.entry_id, decode_room_message(entry.fields))
            except MalformedMessageError:
                room.skip(entry.entry_id)
    return room
