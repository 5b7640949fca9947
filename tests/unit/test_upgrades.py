"""A new version in mid-lesson: of the room's state, and of the messages on the wire."""

import base64
import zlib
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from aggregator.errors import NewerSnapshotError, SnapshotError
from aggregator.room import Room
from aggregator.room_state import OLDEST_VERSION, SNAPSHOT_VERSION
from aggregator.rows import AttentionWindowRow, MeetingActivityRow, Row
from schemas.errors import MalformedMessageError, NewerMessageError
from schemas.messages import (
    FIELD_BODY,
    FIELD_KIND,
    FIELD_VERSION,
    VERSION,
    FrameFaces,
    decode,
    decode_room_message,
    encode,
)
from tests.unit.room_log import entries, frame
from tests.unit.test_determinism import as_bytes, eventful, fed, hash_of

VERSION_1 = Path(__file__).parent / "data" / "version_1.txt"  # made by make_version_1.py there


@dataclass(frozen=True)
class OldLesson:
    """What the last program of version 1 left.

    Attributes:
        log: ids and fields of the whole lesson, as it wrote them.
        states: entries fed, and the state behind them.
    """

    log: list[tuple[str, dict[bytes, bytes]]]
    states: list[tuple[int, bytes]]


def old_lesson():
    packed, *states = VERSION_1.read_text(encoding="ascii").splitlines()
    raw = msgspec.msgpack.decode(zlib.decompress(base64.b64decode(packed)))
    log = [
        (entry_id, {FIELD_VERSION: b"1", FIELD_KIND: kind, FIELD_BODY: body})
        for entry_id, kind, body in raw
    ]
    split = [line.split() for line in states]
    return OldLesson(log, [(int(fed), base64.b64decode(state)) for fed, state in split])


OLD = old_lesson()


def decoded(log):
    return [(entry_id, decode_room_message(fields)) for entry_id, fields in log]


# --- the room's state -----------------------------------------------------------------------


@pytest.mark.parametrize("state", range(len(OLD.states)))
def test_a_state_of_version_1_goes_on_to_the_rows_of_an_undisturbed_run(state):
    """Taken before anybody sat, in a minute, behind one, and after a change of activity."""
    fed_before, snapshot = OLD.states[state]
    log = decoded(OLD.log)
    undisturbed = Room.new("room-1")
    fed(log[:fed_before], undisturbed)
    upgraded = Room.restore(snapshot, version=1)
    assert upgraded.position == undisturbed.position
    assert by_key(fed(log[fed_before:], upgraded)) == by_key(fed(log[fed_before:], undisturbed))


def by_key(rows):
    return sorted(as_bytes(known_to_version_1(row)) for row in rows)


def known_to_version_1(row: Row) -> Row:
    """When the activity in force had begun is the one thing that version 1 did not remember."""
    return msgspec.structs.replace(row, start=0) if isinstance(row, MeetingActivityRow) else row


def test_the_old_lesson_is_one_worth_upgrading_in():
    rows = fed(decoded(OLD.log))
    windows = [row for row in rows if isinstance(row, AttentionWindowRow)]
    assert len({row.participation_id for row in windows}) == 6
    assert len({row.score for row in windows}) > 2
    fed_before = [fed_before for fed_before, _ in OLD.states]
    assert 0 < fed_before[0] < fed_before[-1] < len(OLD.log)


@pytest.mark.parametrize("version", [SNAPSHOT_VERSION + 1, 99])
def test_a_newer_state_is_told_from_a_useless_one(version):
    with pytest.raises(NewerSnapshotError, match=f"has version {version}"):
        Room.restore(Room.new("room-1").snapshot(), version=version)
    with pytest.raises(SnapshotError, match="has version 0") as caught:
        Room.restore(Room.new("room-1").snapshot(), version=OLDEST_VERSION - 1)
    assert not isinstance(caught.value, NewerSnapshotError)


def test_this_version_reads_the_one_before():
    assert OLDEST_VERSION <= SNAPSHOT_VERSION - 1


# --- messages -------------------------------------------------------------------------------


def with_more_fields(fields):
    """As a later program of the same major version writes: fields that we do not know."""
    body = msgspec.msgpack.decode(fields[FIELD_BODY])
    for face in body.get("faces", ()):
        face["mask_worn"] = 0.25
    body |= {"clock_source": "ptp", "later": {"lens": [1, 2.5], "note": None}}
    return {**fields, FIELD_BODY: msgspec.msgpack.encode(body), b"sent-by": b"worker-9"}


@pytest.mark.parametrize("first_later", [0, 200, 400])
def test_fields_that_came_later_change_no_row(first_later):
    timed = eventful()
    log = [(entry_id, encode(message)) for entry_id, message in entries(timed)]
    later = [
        (entry_id, with_more_fields(fields) if number >= first_later else fields)
        for number, (entry_id, fields) in enumerate(log)
    ]
    assert hash_of(fed(decoded(later))) == hash_of(fed(decoded(log)))


def test_a_message_of_version_1_without_todays_fields_is_read():
    """What is left out is the default: the last program of version 1 knew none of them."""
    assert all(decode_room_message(fields) for _, fields in OLD.log)
    known = {name for _, fields in OLD.log for name in msgspec.msgpack.decode(fields[FIELD_BODY])}
    assert "seatings" not in known


@pytest.mark.parametrize("major", [VERSION + 1, 17, 10**8])
def test_a_newer_major_version_is_no_malformed_message(major):
    fields = {**encode(frame(1.0, 1, [])), FIELD_VERSION: b"%d" % major}
    with pytest.raises(NewerMessageError, match=f"has version {major}"):
        decode(fields)
    with pytest.raises(MalformedMessageError):
        decode({**fields, FIELD_VERSION: b"0"})


def test_a_newer_major_version_is_told_before_anything_else_is_read():
    """Its kinds and bodies may be such as nobody knows today."""
    with pytest.raises(NewerMessageError):
        decode({FIELD_VERSION: b"2", FIELD_KIND: b"hologram"})
    assert isinstance(decode(encode(frame(1.0, 1, []))), FrameFaces)
