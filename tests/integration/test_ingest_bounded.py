"""What ingest holds is bounded: frames in Redis by the kept seconds, in its own memory by one."""

from __future__ import annotations

import gc
import random
import socket
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from ingest.backoff import Backoff
from ingest.camera_report import CameraReport
from ingest.camera_spec import CameraSpec
from ingest.camera_state import CameraState
from ingest.groups.reader_factory import ReaderFactory
from ingest.groups.running_reader import LEAVE_S, RunningReader
from ingest.publisher import FORGOTTEN_AFTER_S, FramePublisher, ServerRest, with_timeout
from ingest.stream.source import HostClocks
from schemas.messages import FIELD_JPEG, Frame, decode_frame
from schemas.settings import Settings
from schemas.streams import GROUP_WORKERS, frames_stream
from schemas.transport import connect, ensure_group, read_group
from tests.fixtures_films import write_film
from tests.fixtures_worker import LocalValkey
from tests.integration.running_ingest import Seen, wait_for
from tests.integration.slow_proxy import slow_proxy

FPS = 10
# Measured on Valkey 9.1: 240 bytes an entry for its header and the allocator, 5 KB a stream.
ENTRY_BYTES = 1024
STREAM_BYTES = 8192
CONNECTION_BYTES = 64 * 1024  # buffers of one reader's connection, besides the picture in it


@pytest.fixture
def valkey() -> Iterator[LocalValkey]:
    with LocalValkey() as server:
        yield server


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "film.mp4", seconds=2, fps=FPS, size=(640, 360))


def settings(kept_s: float) -> Settings:
    return Settings(frames_kept_s=kept_s, max_age_s=min(3.0, kept_s))


@contextmanager
def reading(url: str, film: Path, cameras: int = 1, kept_s: float = 4) -> Iterator[list]:
    """Readers of so many cameras, which show the film for ever; all stop at the end."""
    specs = [
        CameraSpec(
            room_id="r1",
            camera_id=f"c{number}",
            url=str(film),
            is_film=True,
            loop=True,
            analysis_fps=FPS,
        )
        for number in range(1, cameras + 1)
    ]
    with connect(with_timeout(url)) as client:
        build = ReaderFactory(client, settings(kept_s), HostClocks(), random.Random(1))
        readers = [build.start(spec, build.state(spec)) for spec in specs]
        try:
            yield readers
        finally:
            for reader in readers:
                reader.leave()
            for reader in readers:
                reader.join(LEAVE_S)
    assert not any(reader.is_alive for reader in readers)


def reports(readers: Sequence[RunningReader]) -> list[CameraReport]:
    return [reader.report() for reader in readers]


def refused(reader: RunningReader, cause: str) -> int:
    return reader.report().refused.get(cause, 0)


def assert_every_frame_is_accounted_for(reader: RunningReader) -> None:
    report = reader.report()
    assert report.sampled == report.published + sum(report.refused.values())


def used_bytes(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])


def largest_jpeg(client: redis.Redis, stream: str) -> int:
    return max(len(fields[FIELD_JPEG]) for _, fields in client.xrange(stream))


@pytest.mark.parametrize("kept_s", [1, 2])
def test_redis_holds_cameras_times_kept_seconds_times_rate_times_picture(
    valkey: LocalValkey, film: Path, kept_s: int
) -> None:
    """Four cameras publish four times as long as is kept; all the while Redis is watched."""
    cameras, kept = 4, kept_s * FPS
    client = valkey.client()
    empty_bytes, most_bytes = used_bytes(client), 0
    with reading(valkey.url, film, cameras, kept_s) as readers:

        def is_long_enough() -> bool:
            nonlocal most_bytes
            most_bytes = max(most_bytes, used_bytes(client))
            return all(report.published >= 4 * kept for report in reports(readers))

        wait_for(is_long_enough, "four times the kept seconds")
        streams = [frames_stream(reader.spec.camera_id) for reader in readers]
        sizes = {stream: largest_jpeg(client, stream) for stream in streams}

    assert min(sizes.values()) > 4096  # below, Redis trims whole nodes of up to 4 KB
    for stream, jpeg_bytes in sizes.items():
        assert client.xlen(stream) == kept
        bound = kept * (jpeg_bytes + ENTRY_BYTES) + STREAM_BYTES
        assert client.memory_usage(stream, samples=0) <= bound
    picture = max(sizes.values())
    stream_bytes = (kept + 1) * (picture + ENTRY_BYTES) + STREAM_BYTES  # XADD adds, then trims
    assert most_bytes - empty_bytes <= cameras * (stream_bytes + 2 * picture + CONNECTION_BYTES)


@pytest.mark.parametrize("jpeg_bytes", [500, 5_000, 150_000])
def test_a_stream_stops_growing_whatever_its_pictures_weigh(
    valkey: LocalValkey, jpeg_bytes: int
) -> None:
    kept, client = 20, valkey.client()
    stream = frames_stream("c1")
    with connect(valkey.url) as ours:
        publisher, state = a_publisher(ours, kept)
        grown = []
        for number in range(400):
            assert publisher.publish(a_frame(number), bytes(jpeg_bytes))
            grown.append(client.memory_usage(stream, samples=0))
    assert state.report().published == 400
    per_node = 4096  # the frames of one node are dropped together
    assert max(grown) <= kept * (jpeg_bytes + ENTRY_BYTES) + STREAM_BYTES + per_node
    assert max(grown[200:]) <= 1.01 * max(grown[:200])  # numbers grow by a byte


def test_a_full_server_refuses_frames_and_afterwards_gets_new_ones(
    valkey: LocalValkey, film: Path
) -> None:
    client, seen = valkey.client(), Seen(valkey.url)
    with reading(valkey.url, film) as [reader]:
        wait_for(seen.frames, "the first frames")
        client.config_set("maxmemory", 1)
        wait_for(lambda: refused(reader, "full") >= 2 * FPS, "2 s of refusals")
        before = reader.state.last_seq
        client.config_set("maxmemory", 0)
        after = wait_for(
            lambda: [f.seq for f, _ in seen.frames() if f.seq > before + 2 * FPS], "2 s of frames"
        )
        report = reader.report()
    assert report.state == "up"
    assert report.ended == {}
    assert set(report.refused) == {"full"}
    newer = [frame.seq for frame, _ in seen.frames() if frame.seq > before]
    assert newer == list(range(newer[0], newer[-1] + 1))  # nothing of the past in between
    assert after
    assert_every_frame_is_accounted_for(reader)


def test_a_slow_server_gets_new_frames_and_the_camera_is_not_lost_for_it(
    valkey: LocalValkey, film: Path
) -> None:
    """Every answer takes .8 s, room for one of eight frames. A film breaks off 3 s behind time."""
    seen = Seen(valkey.url)
    with slow_proxy(valkey.url) as proxy, reading(proxy.url, film) as [reader]:
        wait_for(seen.frames, "the first frames")
        proxy.delay_s = 0.8
        wait_for(lambda: refused(reader, "slow") >= 6 * FPS, "6 s of refusals")
        slow = reader.report()
        slow_frames = [frame for frame, _ in seen.frames()]
        lags_ms = [
            taken_ms - frame.captured_at // 1_000_000
            for frame, taken_ms in zip(slow_frames, seen.frame_times_ms(), strict=False)
        ]
        proxy.delay_s = 0.0
        newest = reader.state.last_seq
        wait_for(
            lambda: len([f for f, _ in seen.frames() if f.seq > newest + FPS]) >= FPS,
            "every frame again",
        )
    assert slow.state == "up"
    assert slow.ended == {}
    assert slow.published >= 6
    assert set(slow.refused) == {"slow"}
    assert max(lags_ms) < 3000  # what is older expires in the workers
    assert_every_frame_is_accounted_for(reader)


def test_a_server_that_was_away_gets_new_frames_only(valkey: LocalValkey, film: Path) -> None:
    seen = Seen(valkey.url)
    with reading(valkey.url, film) as [reader]:
        wait_for(seen.frames, "the first frames")
        valkey.stop()
        wait_for(lambda: refused(reader, "down") >= 3 * FPS, "3 s of refusals")
        before = reader.state.last_seq
        valkey.start()  # empty: it keeps nothing on a disk
        frames = wait_for(seen.frames, "frames after the outage")
        report = reader.report()
    assert report.state == "up"
    assert report.ended == {}
    assert frames[0][0].seq > before
    assert_every_frame_is_accounted_for(reader)


def test_the_last_pictures_of_a_camera_do_not_stay_for_ever(valkey: LocalValkey) -> None:
    """Its stream ends by itself, its group too; when it comes back, workers read on."""
    client, stream = valkey.client(), frames_stream("c1")
    with connect(valkey.url) as ours:
        publisher, _ = a_publisher(ours, 20)
        assert publisher.publish(a_frame(0), b"jpeg")
        assert 0 < client.ttl(stream) <= FORGOTTEN_AFTER_S
        ensure_group(ours, stream, GROUP_WORKERS)
        client.persist(stream)
        for number in range(1, 20):  # a minute later, by the publisher's clock
            assert publisher.publish(a_frame(number), b"jpeg")
        assert client.ttl(stream) > 0

        client.pexpire(stream, 1)
        wait_for(lambda: not client.exists(stream), "the stream's end")
        assert publisher.publish(a_frame(20), b"jpeg")
        [entry] = read_group(ours, GROUP_WORKERS, "worker", [stream], count=10)
    assert decode_frame(entry.fields)[0].seq == 20


@pytest.mark.parametrize("trouble", ["gone", "full"])
def test_a_server_in_trouble_leaves_no_picture_in_our_memory(
    valkey: LocalValkey, trouble: str
) -> None:
    """Minutes of frames in turned time, each try really made."""
    picture_bytes, frames = 200_000, 150
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        if trouble == "gone":
            url = f"redis://127.0.0.1:{nobody_listens.getsockname()[1]}/0"
        else:
            url = valkey.url
            valkey.client().config_set("maxmemory", 1)
        grown_bytes, most_bytes = memory_for_frames(url, picture_bytes, frames)
    assert grown_bytes < picture_bytes / 2
    # An exception may hold its picture until the collector comes by; never the minutes' frames.
    assert most_bytes < frames / 4 * picture_bytes


def memory_for_frames(url: str, picture_bytes: int, frames: int) -> tuple[int, int]:
    """What so many refused frames leave in our memory, and the most that they take meanwhile."""
    with connect(with_timeout(url)) as client:
        publisher, state = a_publisher(client, 20)
        for number in range(10):
            assert not publisher.publish(a_frame(number), bytes(picture_bytes))
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for number in range(10, frames):
            assert not publisher.publish(a_frame(number), bytes(picture_bytes))
        gc.collect()
        after, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert sum(state.report().refused.values()) == frames
    return after - before, most - before


def a_publisher(client: redis.Redis, kept: int) -> tuple[FramePublisher, CameraState]:
    """One that thinks that 3 s pass between two looks at the clock: no rest is too long."""
    now_ns = iter(range(0, 10**18, 3 * 10**9))
    state = CameraState("r1", "c1", lambda: 0)
    rest = ServerRest(Backoff(random.Random(1), first_s=0.25, cap_s=2.0), lambda: next(now_ns))
    return FramePublisher(client, state, rest, kept), state


def a_frame(seq: int) -> Frame:
    return Frame(
        room_id="r1",
        camera_id="c1",
        epoch="e1",
        seq=seq,
        captured_at=(1_000 + 60 * seq) * 10**9,
        width=640,
        height=360,
    )
