"""The transport against real servers: embedded Valkey 9 and Debian's Redis 7."""

import threading
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.local.servers import EmbeddedValkey
from schemas import transport
from schemas.errors import SettingsError
from schemas.transport import Client, StreamFullError, TransportDownError, TransportRefusedError

GROUP = "workers"
STREAM = "frames:{0}:door"


@pytest.fixture
def client(redis_url: str) -> Iterator[Client]:
    with transport.connect(redis_url) as client:
        yield client


def publish(client: Client, number: int, stream: str = STREAM, **trim) -> str:
    return transport.publish(client, stream, {b"n": b"%d" % number}, **trim)


def numbers(entries) -> list[int]:
    return [int(entry.fields[b"n"]) for entry in entries]


def read(client: Client, consumer: str = "one", streams=(STREAM,), count: int = 10, block_ms=None):
    return transport.read_group(client, GROUP, consumer, streams, count=count, block_ms=block_ms)


def test_what_is_published_is_read_once_by_one_consumer(client):
    transport.ensure_group(client, STREAM, GROUP)
    ids = [publish(client, number) for number in range(3)]
    entries = read(client)
    assert [entry.entry_id for entry in entries] == ids
    assert numbers(entries) == [0, 1, 2]
    assert {(entry.stream, entry.deliveries) for entry in entries} == {(STREAM, 1)}
    assert read(client, "two") == []


def test_entries_published_at_once_lie_in_their_streams_in_order(client):
    other = "frames:{0}:window"
    entries = [(stream, {b"n": b"%d" % n}) for n in range(4) for stream in (STREAM, other)]
    transport.publish_all(client, entries)
    for stream in (STREAM, other):
        assert numbers(transport.read_log(client, stream, "0")) == [0, 1, 2, 3]


def test_a_group_made_twice_keeps_its_position(client):
    publish(client, 0)
    transport.ensure_group(client, STREAM, GROUP)
    assert numbers(read(client)) == [0]
    transport.ensure_group(client, STREAM, GROUP)
    assert read(client) == []


def test_a_group_from_the_end_reads_only_what_comes(client):
    publish(client, 0)
    transport.ensure_group(client, STREAM, GROUP, start="$")
    publish(client, 1)
    assert numbers(read(client)) == [1]


def test_big_entries_are_trimmed_exactly(client):
    for _ in range(12):
        transport.publish(client, STREAM, {b"jpeg": bytes(5000)}, maxlen=4)
    assert transport.length(client, STREAM) == 4


def test_publishing_with_minid_drops_what_is_older(client):
    first = transport.publish(client, STREAM, {b"jpeg": bytes(5000)})
    second = transport.publish(client, STREAM, {b"jpeg": bytes(5000)}, minid=f"{first}0")
    assert [entry.entry_id for entry in transport.read_log(client, STREAM, "0")] in (
        [first, second],
        [second],
    )
    transport.trim_below(client, STREAM, second, exact=True)
    assert [entry.entry_id for entry in transport.read_log(client, STREAM, "0")] == [second]


def test_a_batch_from_many_backlogged_cameras_stays_bounded(client):
    streams = [f"frames:{{0}}:camera{number}" for number in range(20)]
    for stream in streams:
        transport.ensure_group(client, stream, GROUP)
        for number in range(3):
            publish(client, number, stream)
    taken = []
    while batch := read(client, streams=streams, count=8):
        assert len(batch) <= 8
        taken += batch
    assert len(taken) == 60


def test_a_batch_goes_on_past_silent_cameras(client):
    streams = [f"frames:{{0}}:camera{number}" for number in range(20)]
    for stream in streams:
        transport.ensure_group(client, stream, GROUP)
    publish(client, 7, streams[-1])
    assert numbers(read(client, streams=streams, count=4)) == [7]


def test_a_waiting_reader_gets_what_comes(client, redis_url):
    transport.ensure_group(client, STREAM, GROUP)
    got = []
    with transport.connect(redis_url) as other:
        reader = threading.Thread(target=lambda: got.extend(read(other, block_ms=2000)))
        reader.start()
        publish(client, 5)
        reader.join()
    assert numbers(got) == [5]


def test_a_lost_group_is_made_again_from_the_beginning(client):
    transport.ensure_group(client, STREAM, GROUP)
    client.flushdb()  # what a restart of a server without persistence does
    publish(client, 3)
    assert numbers(read(client)) == [3]


def test_a_lost_stream_is_waited_for(client):
    assert read(client, block_ms=1) == []
    publish(client, 3)
    assert numbers(read(client)) == [3]


def test_a_lost_group_does_not_break_renewing_reclaiming_and_acknowledging(client):
    transport.renew(client, STREAM, GROUP, "one", ["1-0"])
    assert transport.ack(client, STREAM, GROUP, ["1-0"]) == 0
    assert transport.pending_count(client, STREAM, GROUP) == 0
    assert reclaim(client, "one").entries == []


def reclaim(client: Client, consumer: str, min_idle_ms: int = 0, count: int = 100):
    return transport.reclaim(client, STREAM, GROUP, consumer, min_idle_ms=min_idle_ms, count=count)


def test_a_dead_consumers_entries_are_taken_over_with_their_count_of_deliveries(client):
    transport.ensure_group(client, STREAM, GROUP)
    publish(client, 0)
    read(client, "dead")
    for deliveries in (2, 3):
        reclaimed = reclaim(client, "heir")
        assert [entry.deliveries for entry in reclaimed.entries] == [deliveries]
        assert numbers(reclaimed.entries) == [0]


def test_renewed_entries_are_left_alone(client):
    transport.ensure_group(client, STREAM, GROUP)
    publish(client, 0)
    entry = read(client, "one")[0]
    transport.renew(client, STREAM, GROUP, "one", [entry.entry_id])
    assert reclaim(client, "heir", min_idle_ms=60_000).entries == []
    reclaimed = reclaim(client, "heir")
    assert [entry.deliveries for entry in reclaimed.entries] == [2]  # renewing is no delivery


def test_acknowledged_entries_never_come_back(client):
    transport.ensure_group(client, STREAM, GROUP)
    publish(client, 0)
    entry = read(client)[0]
    assert transport.ack(client, STREAM, GROUP, [entry.entry_id]) == 1
    assert reclaim(client, "heir").entries == []
    assert transport.pending_count(client, STREAM, GROUP) == 0


def test_trimmed_entries_are_swept_from_pending_and_counted_once(client):
    transport.ensure_group(client, STREAM, GROUP)
    ids = [publish(client, number) for number in range(4)]
    read(client, "dead")
    transport.trim_below(client, STREAM, ids[2], exact=True)
    reclaimed = reclaim(client, "heir")
    assert reclaimed.expired_ids == ids[:2]
    assert numbers(reclaimed.entries) == [2, 3]
    assert transport.sweep(client, STREAM, GROUP, min_idle_ms=0) == []
    assert transport.pending_count(client, STREAM, GROUP) == 2


def test_a_whole_trimmed_stream_is_swept_page_by_page(client):
    transport.ensure_group(client, STREAM, GROUP)
    for number in range(1200):
        publish(client, number)
    assert len(read(client, "dead", count=1200)) == 1200
    client.xtrim(STREAM, maxlen=0, approximate=False)
    assert len(transport.sweep(client, STREAM, GROUP, min_idle_ms=0)) == 1200


ACTIONS = st.lists(
    st.sampled_from(["publish", "read", "crash", "reclaim", "ack", "renew", "trim"]), max_size=40
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ACTIONS)
def test_every_entry_is_delivered_or_counted_expired_and_never_after_its_ack(client, actions):
    course = Course(client)
    for action in actions:
        getattr(course, action)()
    course.settle()
    assert course.published - course.trimmed_unread == course.delivered | course.expired
    assert course.pending() == 0


class Course:
    """One consumer that crashes and comes back under a new name, and what it has seen."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.stream = f"frames:{{0}}:{uuid.uuid4().hex}"
        self.published: set[str] = set()
        self.delivered: set[str] = set()
        self.expired: set[str] = set()
        self.acked: set[str] = set()
        self.trimmed_unread: set[str] = set()
        self.held: list[str] = []
        self.name = 0
        transport.ensure_group(client, self.stream, GROUP)

    def publish(self) -> None:
        self.published.add(publish(self.client, len(self.published), self.stream))

    def read(self) -> None:
        self.take(transport.read_group(self.client, GROUP, str(self.name), [self.stream], count=2))

    def crash(self) -> None:
        self.held = []
        self.name += 1

    def reclaim(self, count: int = 2) -> None:
        reclaimed = transport.reclaim(
            self.client, self.stream, GROUP, str(self.name), min_idle_ms=0, count=count
        )
        assert not set(reclaimed.expired_ids) & self.expired
        self.expired |= set(reclaimed.expired_ids)
        self.take(reclaimed.entries)

    def take(self, entries) -> None:
        ids = {entry.entry_id for entry in entries}
        assert not ids & self.acked
        self.delivered |= ids
        self.held += ids

    def ack(self) -> None:
        if self.held:
            entry_id = self.held.pop(0)
            transport.ack(self.client, self.stream, GROUP, [entry_id])
            self.acked.add(entry_id)

    def renew(self) -> None:
        pending = [entry_id for entry_id in self.held if entry_id not in self.acked]
        transport.renew(self.client, self.stream, GROUP, str(self.name), pending)

    def trim(self) -> None:
        newest = max(self.published, key=transport.entries.id_order, default="0-0")
        gone = self.published - {newest}
        self.trimmed_unread |= gone - self.delivered - self.expired
        transport.trim_below(self.client, self.stream, newest, exact=True)

    def settle(self) -> None:
        self.read()
        while len(self.delivered | self.expired | self.trimmed_unread) < len(self.published):
            before = len(self.delivered)
            self.read()
            assert len(self.delivered) > before
        self.crash()
        self.reclaim(count=100)
        transport.ack(self.client, self.stream, GROUP, self.held)

    def pending(self) -> int:
        return transport.pending_count(self.client, self.stream, GROUP)


def test_a_log_is_read_from_a_position(client):
    ids = [publish(client, number) for number in range(5)]
    assert numbers(transport.read_log(client, STREAM, "0", count=2)) == [0, 1]
    assert numbers(transport.read_log(client, STREAM, ids[2], count=9)) == [3, 4]
    assert transport.read_log(client, STREAM, ids[4], block_ms=1) == []


def test_several_logs_are_read_each_from_its_position(client):
    ids = [publish(client, number, "faces:{0}:a") for number in range(2)]
    publish(client, 9, "faces:{0}:b")
    entries = transport.read_logs(client, {"faces:{0}:a": ids[0], "faces:{0}:b": "0"})
    assert {(entry.stream, int(entry.fields[b"n"])) for entry in entries} == {
        ("faces:{0}:a", 1),
        ("faces:{0}:b", 9),
    }


def test_the_last_id_outlives_trimming(client):
    assert transport.last_id(client, STREAM) == "0-0"
    newest = publish(client, 0)
    client.xtrim(STREAM, maxlen=0, approximate=False)
    assert transport.last_id(client, STREAM) == newest


def test_entry_ids_carry_the_servers_time(client):
    before_ns = transport.server_time_ns(client)
    entry_id = publish(client, 0)
    after_ns = transport.server_time_ns(client)
    assert before_ns - 1_000_000 < transport.entry_time_ns(entry_id) <= after_ns
    assert transport.id_before_ns(transport.entry_time_ns(entry_id)) <= entry_id


def test_a_dead_letter_keeps_its_origin_and_never_a_picture(client):
    fields = {b"kind": b"frame", b"body": b"\x81", b"jpeg": b"\xff\xd8picture", b"other": b"x"}
    transport.dead_letter(
        client,
        origin_stream="frames:{west}:door",
        entry_id="5-1",
        error="no version",
        fields=fields,
    )
    (letter,) = transport.read_log(client, "dead:{west}", "0")
    assert letter.fields == {
        b"kind": b"frame",
        b"body": b"\x81",
        b"origin": b"frames:{west}:door",
        b"entry_id": b"5-1",
        b"error": b"no version",
    }


def test_a_picture_in_the_wrong_field_is_not_kept_either(client):
    fields = {b"body": b"\xff\xd8\xff picture"}
    transport.dead_letter(client, origin_stream="x", entry_id="1-1", error="e", fields=fields)
    (letter,) = transport.read_log(client, "dead:{0}", "0")
    assert b"body" not in letter.fields


@pytest.fixture
def tiny_valkey(tmp_path) -> Iterator[Client]:
    server = EmbeddedValkey(tmp_path / "tiny", persistent=False, maxmemory_mb=8)
    with transport.connect(server.start()) as client:
        yield client
    server.stop()


def fill(client: Client, stream: str) -> None:
    for _ in range(100):
        transport.publish(client, stream, {b"jpeg": bytes(200_000)})


def test_a_full_server_is_an_error_of_its_own(tiny_valkey):
    with pytest.raises(StreamFullError, match="memory is full"):
        fill(tiny_valkey, STREAM)


def test_a_full_server_refuses_entries_published_at_once_as_it_refuses_one(tiny_valkey):
    with pytest.raises(StreamFullError):
        fill(tiny_valkey, STREAM)
    with pytest.raises(StreamFullError, match="memory is full"):
        transport.publish_all(tiny_valkey, [(STREAM, {b"jpeg": bytes(200_000)})] * 8)


def test_a_full_server_takes_frames_again_once_the_stream_is_within_its_bound(tiny_valkey):
    with pytest.raises(StreamFullError):
        fill(tiny_valkey, STREAM)
    transport.publish(tiny_valkey, STREAM, {b"jpeg": bytes(200_000)}, maxlen=4)
    assert transport.length(tiny_valkey, STREAM) == 4


def test_a_server_that_was_away_is_found_again_with_what_it_held(tmp_path):
    server = EmbeddedValkey(tmp_path / "valkey", persistent=True)
    client = transport.connect(server.start())
    publish(client, 0)
    server.stop()
    with pytest.raises(TransportDownError, match="is away"):
        publish(client, 1)
    again = EmbeddedValkey(tmp_path / "valkey", persistent=True)
    again.start()
    publish(client, 2)
    assert numbers(transport.read_log(client, STREAM, "0")) == [0, 2]
    client.close()
    again.stop()


def test_back_off_doubles_up_to_its_cap():
    waits = transport.back_off(first_s=0.1, cap_s=1.0, jitter=lambda: 0.5)
    assert [round(next(waits), 3) for _ in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_a_wrong_password_is_refused_without_being_shown(valkey_server):
    wrong = valkey_server.replace("redis://:", "redis://:wrong")
    with transport.connect(wrong) as client, pytest.raises(TransportRefusedError) as caught:
        publish(client, 0)
    assert "wrong" not in str(caught.value)


def test_a_url_of_something_else_is_explained_without_its_password():
    with pytest.raises(SettingsError, match="must look like redis://") as caught:
        transport.connect("http://:secret@host")
    assert "secret" not in str(caught.value)
