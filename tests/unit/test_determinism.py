"""Same log, same rows, byte for byte: whatever happens to those who read it."""

import functools
import hashlib
import random
from collections import Counter
from dataclasses import dataclass, field

import msgspec
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from aggregator.room import Room
from aggregator.rows import CameraMinuteRow, MeetingRow, ParticipationRow
from schemas.messages import ActivityChange, CameraStatus, FrameFaces, Tick
from tests.unit import room_log
from tests.unit.room_log import NS, START, entries, plan, status

ROOMS = ("room-1", "room-2")
CAMERAS = ("cam-1", "cam-2")
STUDENTS = 4
LENGTH_S = 95
DOWN_S = (50.0, 57.0)  # of the second camera
LATENESS_S = 5.0
# Shrinking a log entry by entry takes minutes and tells no more than the seed.
property_test = settings(max_examples=5, deadline=None, phases=[Phase.generate])


def eventful(room_id="room-1", seed=1):
    """A minute and a half with a camera that is away, an activity, a new plan and a clean end."""
    scene = room_log.classroom(STUDENTS, seed)
    seats = plan(STUDENTS, cameras=CAMERAS)
    timed = room_log.timed_log(seats, LENGTH_S, scene, ends=True)
    timed = [one for at, message in timed for one in away(at, message)]
    quiet = ActivityChange(room_id="room-1", at=(START + 61) * NS, activity="seatwork")
    fewer = msgspec.structs.replace(plan(STUDENTS - 1, cameras=CAMERAS), at=(START + 78) * NS)
    timed += [(60.0, quiet), (76.0, fewer)]
    timed += [(float(at), Tick(room_id="room-1")) for at in range(LENGTH_S + 1, LENGTH_S + 80, 5)]
    return [(at, of_room(message, room_id)) for at, message in in_order(timed)]


def away(at, message):
    """What the log holds of a camera that is down: statuses, no frames."""
    first, last = DOWN_S
    if getattr(message, "camera_id", "") != "cam-2" or not first <= at < last:
        return [(at, message)]
    if isinstance(message, CameraStatus):
        down = status(at, message.last_seq, "cam-2", "down")
        return [(at, msgspec.structs.replace(down, cause="silent", ended={"silent": 1}))]
    return []


def of_room(message, room_id):
    return msgspec.structs.replace(message, room_id=room_id)


def in_order(timed):
    return sorted(timed, key=lambda pair: pair[0])


def fed(log, room=None):
    room = room or Room.new("room-1")
    return [row for entry_id, message in log for row in room.feed(entry_id, message)]


def hash_of(rows):
    """Of rows in any order: rooms finish side by side."""
    return hashlib.sha256(b"".join(sorted(map(as_bytes, rows)))).hexdigest()


def as_bytes(row):
    return type(row).__name__.encode() + msgspec.msgpack.encode(row)


@functools.cache
def whole(room_id="room-1"):
    """A room's log and the hash of an undisturbed run's rows."""
    timed = eventful(room_id, seed=ROOMS.index(room_id) + 1)
    return timed, hash_of(fed(entries(timed), Room.new(room_id)))


def disturbed(change):
    """Hash of the rows of the first room's log with messages moved or added."""
    timed, _ = whole()
    return hash_of(fed(entries(in_order(change(timed)))))


# --- batches, processes, deaths -------------------------------------------------------------


@dataclass
class Table:
    """What PostgreSQL does: rows whose key is known already change nothing."""

    rows: dict[tuple[object, ...], object] = field(default_factory=dict)

    def insert(self, rows):
        for row in rows:
            key = (type(row), *natural_key(row))
            if isinstance(row, MeetingRow | ParticipationRow):  # completed at the close
                key += (as_bytes(row),)
            self.rows.setdefault(key, row)


def natural_key(row):
    names = (
        "meeting_id", "participation_id", "student_id", "event_id", "camera", "seat", "room",
        "minute", "window_start", "valid_from",
    )  # fmt: skip
    return tuple(getattr(row, name, None) for name in names)


@dataclass
class Process:
    """One aggregator: the rooms that it works on, as far as it has read."""

    rooms: dict[str, Room] = field(default_factory=dict)
    rows: list[object] = field(default_factory=list)


@dataclass
class Cluster:
    """Several aggregators on one database; all that outlives them is what was committed."""

    processes: list[Process]
    logs: dict[str, list]
    table: Table = field(default_factory=Table)
    states: dict[str, bytes] = field(default_factory=dict)
    holders: dict[str, int] = field(default_factory=dict)

    def step(self, number, name, count, fate):
        """Process `number` reads `count` entries of a room; then it commits, dies or goes on."""
        if self.holders.setdefault(name, number) != number:
            self.take_over(name, number)
        process = self.processes[number]
        room = process.rooms.get(name) or self.load(name)
        process.rooms[name] = room
        new = [e for e in self.logs[name] if order(e[0]) > order(room.position)][:count]
        process.rows += fed(new, room)
        if fate == "dies":
            self.processes[number] = Process()
        elif fate == "commits":
            self.commit(number)

    def take_over(self, name, number):
        """The old holder's lease ran out: whatever it has not committed is nobody's."""
        old = self.holders[name]
        self.processes[old] = Process()
        self.holders[name] = number

    def load(self, name):
        return Room.restore(self.states[name]) if name in self.states else Room.new(name)

    def commit(self, number):
        process = self.processes[number]
        self.table.insert(process.rows)
        process.rows = []
        self.states |= {name: room.snapshot() for name, room in process.rooms.items()}

    def finish(self):
        for name in self.logs:
            self.step(self.holders.get(name, 0), name, 10**6, "commits")
        return hash_of(self.table.rows.values())


def order(entry_id):
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number)


steps = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(ROOMS),
        st.integers(1, 300),
        st.sampled_from(["goes on", "commits", "commits", "dies"]),
    ),
    max_size=20,
)


@property_test
@given(steps=steps)
def test_batches_processes_and_deaths_change_no_row(steps):
    logs = {name: entries(whole(name)[0]) for name in ROOMS}
    cluster = Cluster([Process() for _ in range(3)], logs)
    for step in steps:
        cluster.step(*step)
    once = Table()
    for name in ROOMS:
        once.insert(fed(logs[name], Room.new(name)))
    assert cluster.finish() == hash_of(once.rows.values())


@property_test
@given(at=st.lists(st.integers(0, 570), min_size=1, max_size=4))
def test_a_restart_from_a_snapshot_at_any_entry_changes_nothing(at):
    timed, expected = whole()
    room, rows = Room.new("room-1"), []
    for number, entry in enumerate(entries(timed)):
        rows += fed([entry], room)
        if number in at:
            room = Room.restore(room.snapshot())
    assert hash_of(rows) == expected


@property_test
@given(at=st.integers(1, 570), back=st.integers(1, 300))
def test_redelivery_after_a_crash_changes_nothing(at, back):
    """The successor starts at the last commit and is given the whole log again."""
    timed, expected = whole()
    log, committed = entries(timed), max(0, at - back)
    room = Room.new("room-1")
    rows = fed(log[:committed], room)
    snapshot = room.snapshot()
    fed(log[committed:at], room)  # lost with the process
    assert hash_of(rows + fed(log, Room.restore(snapshot))) == expected


# --- what the log may hold twice, or out of order --------------------------------------------


@property_test
@given(seed=st.integers(0, 2**32))
def test_reordering_within_the_lateness_changes_nothing(seed):
    chance = random.Random(seed)

    def delayed(timed):
        # a status moves its second on the moment it comes, so that frames may lag by this much
        return [
            (at + chance.uniform(0, 3.5) * isinstance(message, FrameFaces), message)
            for at, message in timed
        ]

    assert disturbed(delayed) == whole()[1]


@property_test
@given(seed=st.integers(0, 2**32))
def test_records_of_dead_workers_change_nothing(seed):
    """Written twice, the second time perhaps after the lateness."""
    chance = random.Random(seed)

    def doubled(timed):
        again = [
            (at + chance.uniform(0, 2 * LATENESS_S), message)
            for at, message in timed
            if isinstance(message, FrameFaces) and chance.random() < 0.3
        ]
        return [*timed, *again]

    assert disturbed(doubled) == whole()[1]


@property_test
@given(seed=st.integers(0, 2**32))
def test_an_expired_record_hides_no_analysed_one(seed):
    """The first worker was held up and let the frame expire, or the second did."""
    chance = random.Random(seed)

    def doubled(timed):
        other = [
            (at + chance.uniform(-0.3, 2.5), expired(message))
            for at, message in timed
            if isinstance(message, FrameFaces) and chance.random() < 0.2
        ]
        return [*timed, *other]

    assert disturbed(doubled) == whole()[1]


def expired(frame):
    return msgspec.structs.replace(frame, outcome="expired", faces=(), analysed_at=0)


@property_test
@given(seed=st.integers(0, 2**32))
def test_statuses_that_were_written_twice_change_no_count(seed):
    """An entry whose answer was lost is written again; no end of a connection counts twice."""
    timed, _ = whole()
    chance = random.Random(seed)
    again = [
        (at + chance.uniform(0, 6), message)
        for at, message in timed
        if isinstance(message, CameraStatus) and chance.random() < 0.3
    ]
    once, twice = (
        [row for row in fed(entries(in_order(log))) if isinstance(row, CameraMinuteRow)]
        for log in (timed, [*timed, *again])
    )
    assert causes_of(once)["cam-2", "silent"] == DOWN_S[1] - DOWN_S[0]
    assert causes_of(twice) == causes_of(once)


def causes_of(minutes):
    """By camera, over all minutes: a late copy may be the first to be read in none of them."""
    told = Counter()
    for row in minutes:
        for cause, count in (row.reconnect_causes or {}).items():
            told[row.camera, cause] += count
    return told


@property_test
@given(first=st.integers(34, 80), length=st.integers(1, 6))
def test_frames_behind_the_watermark_are_counted_and_not_applied(first, length):
    """As if they had never been analysed, but for the counts of late ones."""
    timed, _ = whole()
    last = first + length

    def is_late(message):
        is_inside = isinstance(message, FrameFaces) and (
            first <= message.captured_at / NS - START < last
        )
        return is_inside and message.camera_id == "cam-1"

    kept = [pair for pair in timed if not is_late(pair[1])]
    late = [(at + 3 * LATENESS_S, message) for at, message in timed if is_late(message)]
    assert late
    without, room = fed(entries(kept)), Room.new("room-1")
    with_late = fed(entries(in_order([*kept, *late])), room)
    assert room.state.counts["late"] == len(late)
    assert scores_of(with_late) == scores_of(without)
    minutes = [row for row in with_late if isinstance(row, CameraMinuteRow)]
    assert sum(row.frames_late for row in minutes) == len(late)
    assert sum(row.frames_lost for row in minutes) == 2 * (DOWN_S[1] - DOWN_S[0])


def scores_of(rows):
    """Whatever is said of students and the class; why something is missing may differ."""
    told = [row for row in rows if not isinstance(row, CameraMinuteRow)]
    return sorted(as_bytes(without_reason(row)) for row in told)


def without_reason(row):
    return msgspec.structs.replace(row, missing_reason=0) if hasattr(row, "missing_reason") else row


def test_the_log_of_these_tests_has_rows_of_every_kind_and_its_hash_notices_one_bit():
    rows = fed(entries(whole()[0]))
    assert len({type(row).__name__ for row in rows}) >= 8
    window = next(row for row in rows if hasattr(row, "window_start"))
    other = msgspec.structs.replace(window, sum_x=window.sum_x + 1)
    assert hash_of([*rows[1:], rows[0]]) == hash_of(rows)
    assert hash_of([other if row is window else row for row in rows]) != hash_of(rows)
