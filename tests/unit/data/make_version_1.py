"""Writes `version_1.txt`: a log and the state in its middle, by the last program of version 1.

Run once, on a checkout of commit 07f2745 (the last one whose snapshots have version 1):

    git archive 07f2745 | tar -x -C /tmp/old
    cp tests/unit/data/make_version_1.py /tmp/old/
    cd /tmp/old && PYTHONPATH=. PYTHON make_version_1.py > …/tests/unit/data/version_1.txt

The students sit still and turn only their heads, so that it does not matter how a version smooths
tracks or places: what differs in the last bit there would differ in no row.
Lines: the log (base64 of zlib of MessagePack: [id, kind, body] each), then for each place in the
log its number of entries fed and the snapshot behind it (base64).
"""

import base64
import sys
import zlib

import msgspec

from aggregator.room import Room
from aggregator.room_state import SNAPSHOT_VERSION
from schemas.messages import FIELD_BODY, FIELD_KIND, ActivityChange, Tick, encode
from tests.unit import room_log

CAMERAS = ("cam-1", "cam-2")
LENGTH_S = 200
STOPS_S = (20.0, 61.3, 94.6, 150.2)  # nobody yet; a meeting; its second minute; another activity


def scene(at_s, camera):
    """Six students whose boxes never move; each looks away in some 10 s stretches."""
    return [
        room_log.face(
            *room_log.centre(i),
            70.0 if (int(at_s) // 10 * 7 + i * 3) % 5 == 0 else 5.0 + i,
            expression=(0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.5),
        )
        for i in range(6)
    ]


def log():
    timed = room_log.timed_log(room_log.plan(cameras=CAMERAS), LENGTH_S, scene, ends=True)
    change = ActivityChange(
        room_id="room-1", at=round((room_log.START + 120) * 1e9), activity="seatwork"
    )
    timed.append((110.0, change))
    timed += [(float(at), Tick(room_id="room-1")) for at in range(LENGTH_S + 1, LENGTH_S + 80, 5)]
    return room_log.entries(sorted(timed, key=lambda pair: pair[0]))


def packed(entries):
    fields = [(entry_id, encode(message)) for entry_id, message in entries]
    raw = [(entry_id, f[FIELD_KIND], f[FIELD_BODY]) for entry_id, f in fields]
    return base64.b64encode(zlib.compress(msgspec.msgpack.encode(raw), 9)).decode()


def main():
    assert SNAPSHOT_VERSION == 1, "run this on a checkout of commit 07f2745"
    entries = log()
    sys.stdout.write(packed(entries) + "\n")
    stops = [round((room_log.START + at) * 1000) for at in STOPS_S]
    room = Room.new("room-1")
    for fed, (entry_id, message) in enumerate(entries):
        if stops and int(entry_id.partition("-")[0]) >= stops[0]:
            snapshot = base64.b64encode(room.snapshot()).decode()
            sys.stdout.write(f"{fed} {snapshot}\n")
            del stops[0]
        room.feed(entry_id, message)


if __name__ == "__main__":
    main()
