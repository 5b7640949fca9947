"""The transport against real servers: embedded Valkey 9 and Debian's Redis 7."""

import threading
from collections.abc import Iterator

import pytest

from deploy.local.servers import EmbeddedValkey
from schemas import transport
from schemas.errors import SettingsError
from schemas.transport import Client, StreamFullError, TransportDownError, TransportRefusedError
from tests.contract.numbered_entries import GROUP, STREAM, numbers, publish, read


@pytest.fixture
def client(redis_url: str) -> Iterator[Client]:
    with transport.connect(redis_url) as client:
        yield client


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
