"""The books of one camera: why it was away, for how long, and what its clocks said."""

import msgspec
import pytest

from aggregator.accounting import Ledger
from schemas.messages import CameraStatus, EndOfStream
from tests.unit.room_log import NS, START, frame

FPS = 2.0


def status(at_s, last_seq=-1, state="up", **fields):
    values = {"epoch": "e1", **fields}
    return CameraStatus(
        room_id="room-1",
        camera_id="cam-1",
        at=round((START + at_s) * NS),
        state=state,
        last_seq=last_seq,
        **values,
    )


def down(at_s, cause, **fields):
    return status(at_s, 9, "down", cause=cause, reason="away", **fields)


def row_of(*messages, seconds=60, ledger=None):
    """The minute's row after these statuses and frames, each in the second of its time."""
    ledger = ledger if ledger is not None else Ledger()
    for second in range(seconds):
        for message in messages:
            if isinstance(message, CameraStatus | EndOfStream):
                if message.at // NS == START + second:
                    ledger.status(START + second, message)
            elif message.captured_at // NS == START + second:
                ledger.record(message)
        ledger.settle(START + second, expected=True)
    return ledger.close_minute(START, "school", "cam-1", FPS)


def every_second(first_s, last_s, make=status, **fields):
    return [make(at_s, **fields) for at_s in range(first_s, last_s)]


def test_connections_that_ended_are_counted_by_cause():
    row = row_of(
        *every_second(0, 20),
        down(20, "dropped", ended={"dropped": 1}),
        down(21, "unreachable", ended={"unreachable": 2}),
        status(22, epoch="e2"),
        down(40, "dropped", ended={"dropped": 1}, epoch="e2"),
        *every_second(41, 60, epoch="e3"),
    )
    assert row.reconnect_causes == {"dropped": 2, "unreachable": 2}
    assert row.reconnects == 4


def test_what_was_closed_on_purpose_is_no_reconnect():
    row = row_of(*every_second(0, 59), down(59, "ended", ended={"ended": 1}))
    assert (row.reconnects, row.reconnect_causes) == (0, None)


def test_a_minute_without_an_end_has_no_causes():
    row = row_of(*every_second(0, 60, clock_offset_ms=0))
    assert (row.reconnects, row.reconnect_causes) == (0, None)


def test_the_same_status_twice_counts_once():
    ended = down(20, "dropped", ended={"dropped": 1})
    row = row_of(*every_second(0, 20), ended, ended, *every_second(21, 60))
    assert row.reconnect_causes == {"dropped": 1}


def test_a_second_copy_that_comes_seconds_later_counts_once():
    """A write whose answer was lost is repeated after a time-out: in the next minute, say."""
    ledger = Ledger()
    ended = down(57, "dropped", ended={"dropped": 1})
    first = row_of(*every_second(0, 57), ended, ledger=ledger)
    ledger.status(START + 62, ended)
    ledger.settle(START + 62, expected=True)
    second = ledger.close_minute(START + 60, "school", "cam-1", FPS)
    assert (first.reconnects, second.reconnects) == (1, 0)


def test_two_ends_of_one_kind_in_one_second_count_twice():
    row = row_of(
        *every_second(0, 20),
        down(20.1, "dropped", ended={"dropped": 1}),
        down(20.9, "dropped", ended={"dropped": 1}),
    )
    assert row.reconnect_causes == {"dropped": 2}


def test_an_ingest_that_tells_no_causes_is_counted_by_its_epochs():
    row = row_of(
        *every_second(0, 20),
        *every_second(20, 40, epoch="e2"),
        frame(40.1, 0, (), epoch="e3"),
        *every_second(41, 60, epoch="e3"),
    )
    assert (row.reconnects, row.reconnect_causes) == (2, None)


def test_rubbish_counts_stay_within_the_columns():
    ended = {f"cause-{number}": 10**12 for number in range(64)} | {"bad": -5}
    row = row_of(down(1, "failed", ended=ended))
    assert row.reconnects == 2**15 - 1
    assert len(row.reconnect_causes) == 33
    assert "other" in row.reconnect_causes
    assert max(row.reconnect_causes.values()) == 2**15 - 1
    assert "bad" not in row.reconnect_causes


def test_a_frozen_picture_counts_as_down_and_as_frozen():
    row = row_of(
        *every_second(0, 10),
        *[down(at_s, "frozen") for at_s in range(10, 25)],
        *[down(at_s, "silent") for at_s in range(25, 30)],
        *every_second(30, 60),
    )
    assert (row.down_s, row.frozen_s) == (20, 15)


def test_when_ingest_says_nothing_more_the_picture_is_not_called_frozen():
    row = row_of(*every_second(0, 10), *[down(at_s, "frozen") for at_s in range(10, 15)])
    assert row.down_s == 50
    assert row.frozen_s == 5 + 5  # a word holds for five seconds


def test_a_clean_end_is_no_frozen_picture():
    end = EndOfStream(room_id="room-1", camera_id="cam-1", at=(START + 11) * NS, epoch="e1")
    row = row_of(*every_second(0, 10), down(10, "frozen"), end)
    assert row.frozen_s == 1


@pytest.mark.parametrize(
    ("offsets_ms", "kept"),
    [((3, -40, 12), -40), ((0, 0), 0), ((None, 7, None), 7), ((None, None), None)],
)
def test_the_hosts_clock_offset_furthest_from_zero_is_kept(offsets_ms, kept):
    row = row_of(*[status(at_s, clock_offset_ms=ms) for at_s, ms in enumerate(offsets_ms)])
    assert row.clock_offset_ms == kept


def test_the_cameras_own_clock_is_its_last_word():
    told = [None, 900, 950, None]
    row = row_of(*[status(at_s, camera_offset_ms=ms) for at_s, ms in enumerate(told)])
    assert row.camera_offset_ms == 950


def test_an_absurd_clock_fits_its_column():
    row = row_of(status(1, clock_offset_ms=-(10**15), camera_offset_ms=10**15))
    assert (row.clock_offset_ms, row.camera_offset_ms) == (-(2**31) + 1, 2**31 - 1)


def test_a_clock_is_off_above_a_quarter_second_by_the_newest_word():
    ledger = Ledger()
    words = [(250, False), (-251, True), (None, True), (9, False)]
    for at_s, (offset_ms, is_off) in enumerate(words):
        ledger.status(START + at_s, status(at_s, clock_offset_ms=offset_ms))
        assert ledger.is_clock_off(START + at_s) is is_off


def test_a_clock_of_which_nobody_speaks_any_more_counts_as_good():
    ledger = Ledger()
    ledger.status(START, status(0, clock_offset_ms=400))
    assert ledger.is_clock_off(START + 59)
    assert not ledger.is_clock_off(START + 60)


def test_the_books_survive_a_snapshot():
    ledger = Ledger()
    ended = down(3, "dropped", ended={"dropped": 1}, clock_offset_ms=400)
    ledger.status(START + 3, ended)
    restored = msgspec.msgpack.decode(msgspec.msgpack.encode(ledger), type=Ledger)
    assert restored == ledger
    restored.status(START + 4, ended)
    row = restored.close_minute(START, "school", "cam-1", FPS)
    assert row.reconnect_causes == {"dropped": 1}
