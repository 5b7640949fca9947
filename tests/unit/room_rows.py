"""What a room makes of a log, and one student to be seen in it."""

import msgspec

from aggregator.room import Room
from tests.unit.room_log import centre, face


def run(log, room=None):
    room = room or Room.new("room-1")
    rows = []
    for entry_id, message in log:
        rows += room.feed(entry_id, message)
    return rows


def of(kind, rows):
    return [row for row in rows if isinstance(row, kind)]


def as_bytes(rows):
    return msgspec.msgpack.encode(rows)


def faces_until(end_s):
    return lambda at_s, camera: [face(*centre(0))] if at_s < end_s else []
