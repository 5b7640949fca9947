"""Faults of simulated cameras, as a client meets them; and that each of them can be healed."""

from __future__ import annotations

import itertools
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest

from deploy.simulator.camera_loop import CameraLoop
from deploy.simulator.fault import Fault
from deploy.simulator.faults import FAULTS, fault_named
from deploy.simulator.rtsp_server import RtspServer
from tests.fixtures_cameras import camera_thread, numbered_film
from tests.integration.bare_rtsp import bare_client

SHORT = (1.0, 1.0)
TICKS_PER_PICTURE = 3600


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    return {
        "usual": numbered_film(folder / "usual.mp4"),
        "size": numbered_film(folder / "size.mp4", size=(192, 108)),
        "codec": numbered_film(folder / "codec.mp4", "libx265"),
        "rate": numbered_film(folder / "rate.mp4", fps=10, pictures=20),
    }


@contextmanager
def camera(films: dict[str, Path]) -> Iterator[tuple[RtspServer, CameraLoop]]:
    others = {change: films[change] for change in ("size", "codec", "rate")}
    server = RtspServer({"door": films["usual"]}, loop=True, others=others)
    with camera_thread(server) as thread:
        yield server, thread


@contextmanager
def opened(server: RtspServer) -> Iterator[av.container.InputContainer]:
    # as ingest probes: the first picture is there sooner by a second
    options = {"rtsp_transport": "tcp", "fpsprobesize": "0", "analyzeduration": "500000"}
    with av.open(server.url("door"), options=options, timeout=SHORT) as container:
        yield container


def take(packets: Iterator[av.Packet], count: int) -> list[av.Packet]:
    return list(itertools.islice(packets, count))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_fault_is_described_and_heals(films: dict[str, Path], fault: Fault) -> None:
    assert fault.description.endswith(".")
    with camera(films) as (server, thread):
        thread.run(server.begin(fault))
        thread.run(server.heal())
        with bare_client(server) as client:
            assert client.status == 200
            stamps = [client.stamp() for _ in range(5)]
    assert {(b - a) % 2**32 for a, b in itertools.pairwise(stamps)} == {TICKS_PER_PICTURE}


def test_names_tell_faults_apart() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    with pytest.raises(KeyError):
        fault_named("unknown")


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("refused", av.error.ConnectionRefusedError),
        ("unauthorized", av.error.HTTPUnauthorizedError),
        ("not-found", av.error.HTTPNotFoundError),
        ("busy", av.error.HTTPServerError),
        ("never-answers", av.error.FFmpegError),
        ("silent-after-describe", av.error.FFmpegError),
        ("silent-at-play", av.error.FFmpegError),
        ("plays-nothing", av.error.FFmpegError),
    ],
)
def test_some_faults_keep_a_client_out(
    films: dict[str, Path], name: str, error: type[Exception]
) -> None:
    with camera(films) as (server, thread):
        thread.run(server.begin(fault_named(name)))
        with pytest.raises(error), opened(server) as container:
            take(container.demux(video=0), 1)


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.drops], ids=lambda fault: fault.name)
def test_some_faults_drop_the_connection(films: dict[str, Path], fault: Fault) -> None:
    with camera(films) as (server, thread), bare_client(server) as client:
        client.stamp()
        thread.run(server.begin(fault))
        client.read_to_the_end()


def test_a_closed_port_stays_the_cameras_own(films: dict[str, Path]) -> None:
    with camera(films) as (server, thread):
        port = server.port
        thread.run(server.begin(fault_named("refused")))
        with pytest.raises(OSError, match="in use"), socket.socket() as other:
            other.bind(("127.0.0.1", port))
        thread.run(server.heal())
        assert server.port == port


@pytest.mark.parametrize("name", ["stalls", "stalls-with-reports"])
def test_a_stalled_stream_is_silent_and_goes_on(films: dict[str, Path], name: str) -> None:
    with camera(films) as (server, thread), opened(server) as container:
        packets = container.demux(video=0)
        assert take(packets, 3)
        thread.run(server.begin(fault_named(name)))
        with pytest.raises(av.error.FFmpegError):
            take(packets, 200)


def test_every_picture_is_the_same_while_the_picture_is_frozen(films: dict[str, Path]) -> None:
    with camera(films) as (server, thread), opened(server) as container:
        packets = container.demux(video=0)
        take(packets, 12)
        thread.run(server.begin(fault_named("frozen-picture")))
        frozen = take(packets, 80)[-20:]
        with opened(server) as another:
            frozen += take(another.demux(video=0), 20)
        thread.run(server.heal())
        live = take(packets, 80)[-10:]
    assert len({bytes(packet) for packet in frozen}) == 1
    assert {b.pts - a.pts for a, b in itertools.pairwise(frozen[:20])} == {TICKS_PER_PICTURE}
    assert len({bytes(packet) for packet in live}) == 10


@pytest.mark.parametrize(
    ("name", "seconds"), [("stamps-jump-back", -10), ("stamps-jump-ahead", 18000)]
)
def test_stamps_jump_once_and_go_on_from_there(
    films: dict[str, Path], name: str, seconds: float
) -> None:
    with camera(films) as (server, thread):
        stamps = sent_stamps(server, thread, fault_named(name))
    steps = {b - a for a, b in itertools.pairwise(stamps)}
    assert steps == {TICKS_PER_PICTURE, TICKS_PER_PICTURE + seconds * 90_000}


def test_frozen_stamps_and_none_at_all(films: dict[str, Path]) -> None:
    with camera(films) as (server, thread):
        frozen = sent_stamps(server, thread, fault_named("stamps-frozen"))
    assert len(set(frozen[-20:])) == 1
    with camera(films) as (server, thread):
        thread.run(server.begin(fault_named("no-stamps")))
        assert set(sent_stamps(server, thread, None)) == {0}


def sent_stamps(server: RtspServer, thread: CameraLoop, fault: Fault | None) -> list[int]:
    """RTP time stamps of 60 pictures, a fault beginning after the 20th; unwrapped."""
    with bare_client(server) as client:
        stamps = [client.stamp()]
        while len(stamps) < 60:
            if fault is not None and len(stamps) == 20:
                thread.run(server.begin(fault))
            stamps.append(unwrapped(client.stamp(), stamps[-1]))
    return stamps


def unwrapped(stamp: int, before: int) -> int:
    """The value nearest to `before` of a 32-bit counter."""
    return before + (stamp - before + 2**31) % 2**32 - 2**31


def test_reports_go_on_while_pictures_stall_where_the_fault_says_so(
    films: dict[str, Path],
) -> None:
    with camera(films) as (server, thread), bare_client(server) as client:
        while client.packet()[0] != 1:
            pass
        thread.run(server.begin(fault_named("stalls-with-reports")))
        channels: list[int] = []
        while channels[-3:] != [1, 1, 1]:
            channels.append(client.packet()[0])
    assert channels.count(0) < 50


def test_a_burst_gives_every_picture_late(films: dict[str, Path]) -> None:
    with camera(films) as (server, thread):
        stamps = sent_stamps(server, thread, fault_named("burst"))
    assert {b - a for a, b in itertools.pairwise(stamps)} == {TICKS_PER_PICTURE}


def test_corrupt_packets_are_spoilt_by_the_seed(films: dict[str, Path]) -> None:
    with camera(films) as (server, thread):
        thread.run(server.begin(fault_named("corrupt")))
        with opened(server) as container:
            spoilt = [bytes(packet) for packet in take(container.demux(video=0), 100)]
        thread.run(server.heal())
        with opened(server) as container:
            whole = {bytes(packet) for packet in take(container.demux(video=0), 60)}
    share = sum(packet not in whole for packet in spoilt) / len(spoilt)
    assert 0.03 < share < 0.5


@pytest.mark.parametrize(
    ("name", "codec", "size", "fps"),
    [
        ("other-size", "h264", (192, 108), 25),
        ("other-codec", "hevc", (160, 96), 25),
        ("other-rate", "h264", (160, 96), 10),
    ],
)
def test_a_camera_comes_back_as_another(
    films: dict[str, Path], name: str, codec: str, size: tuple[int, int], fps: int
) -> None:
    with camera(films) as (server, thread):
        thread.run(server.begin(fault_named(name)))
        with opened(server) as container:
            packets = take(container.demux(video=0), 12)
            images = [image for packet in packets for image in packet.decode()]
            assert container.streams.video[0].codec_context.name == codec
    assert {(image.width, image.height) for image in images} == {size}
    stamps = [packet.pts for packet in packets if packet.pts is not None]
    steps = Counter(b - a for a, b in itertools.pairwise(stamps))
    assert steps.most_common(1)[0][0] == 90_000 // fps


def test_the_size_changes_within_a_connection(films: dict[str, Path]) -> None:
    with camera(films) as (server, thread), opened(server) as container:
        frames = container.decode(video=0)
        sizes = [(frame.width, frame.height) for frame in take(frames, 10)]
        thread.run(server.begin(fault_named("size-in-stream")))
        sizes += [(frame.width, frame.height) for frame in take(frames, 40)]
    assert [size for size, _ in itertools.groupby(sizes)] == [(160, 96), (192, 108)]
