"""Simulated cameras over real RTSP, read with PyAV as ingest reads them."""

import asyncio
import contextlib
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from deploy.simulator.rtsp_film import FilmError, load_film
from deploy.simulator.rtsp_protocol import ProtocolError, parse_request
from deploy.simulator.rtsp_server import RtspServer
from deploy.simulator.rtsp_wire import TcpWire, client_port, interleaved_channel

FPS = 20
FRAMES = 30
WIDTH, HEIGHT = 160, 96
STRIPS = 6  # the frame's number is painted as bits


def make_film(path: Path, codec: str = "libx264", b_frames: int = 0) -> Path:
    """A film whose pictures tell their own number, a key picture every 10."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = 10
        stream.codec_context.max_b_frames = b_frames
        if codec == "libx264":
            stream.options = {"preset": "veryfast", "sc_threshold": "0"}
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(painted(number), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def painted(number: int) -> np.ndarray:
    image = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
    for bit in range(STRIPS):
        if number >> bit & 1:
            image[bit * 16 : bit * 16 + 16] = 220
    return image


def number_of(frame: av.VideoFrame) -> int:
    rows = frame.to_ndarray(format="gray")[8::16, WIDTH // 2]
    return sum(1 << bit for bit in range(STRIPS) if rows[bit] > 128)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_film(tmp_path_factory.mktemp("film") / "boxes.mp4")


def read_frames(url: str, count: int) -> list[tuple[int, Fraction | None, int]]:
    """Number, time stamp in seconds and arrival (Unix ns) of the first frames."""
    rows = []
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=(5, 5)) as container:
        for frame in itertools.islice(container.decode(video=0), count):
            stamp = None if frame.pts is None else frame.pts * frame.time_base
            rows.append((number_of(frame), stamp, time.time_ns()))
    return rows


def serve(film: Path, client, *, mounts=("door",), **options):
    """What `client(server)` returns, run in a thread beside a server."""

    async def both():
        server = RtspServer(dict.fromkeys(mounts, film), **options)
        await server.start()
        try:
            return await client(server)
        finally:
            await server.stop()
            assert server.clients == 0

    return asyncio.run(both())


def in_thread(function, *arguments):
    return asyncio.get_running_loop().run_in_executor(None, function, *arguments)


def test_frames_come_in_order_across_the_loop_with_continuous_time_stamps(film):
    async def client(server):
        return await in_thread(read_frames, server.url("door"), 45)

    rows = serve(film, client, loop=True)
    numbers = [number for number, _, _ in rows]
    assert numbers == [(numbers[0] + step) % FRAMES for step in range(45)]
    stamps = [stamp for _, stamp, _ in rows if stamp is not None]
    assert len(stamps) >= 44
    steps = [float(after - before) for before, after in itertools.pairwise(stamps)]
    assert steps == pytest.approx([1 / FPS] * len(steps), abs=1e-3)


def test_frames_never_come_before_their_time(film):
    async def client(server):
        return server.started_at_ns, await in_thread(read_frames, server.url("door"), 30)

    started_at_ns, rows = serve(film, client, loop=True)
    turns = itertools.accumulate(
        (after[0] < before[0] for before, after in itertools.pairwise(rows)), initial=0
    )
    for (number, _, arrived_at_ns), turn in zip(rows, turns, strict=True):
        assert arrived_at_ns >= started_at_ns + (turn * FRAMES + number) * 1e9 / FPS


def test_a_client_that_joins_late_begins_with_the_next_key_picture():
    film = load_film_of_numbers()
    first = next(film.schedule(0.3, "close"))
    assert first.is_key
    assert first.due_s == pytest.approx(0.5)
    assert next(film.schedule(1.7, "loop")).due_s == pytest.approx(2.0)


def load_film_of_numbers():
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        return load_film(make_film(Path(folder) / "boxes.mp4"))


def test_two_clients_of_two_cameras_see_the_same_moment(film):
    async def client(server):
        return await asyncio.gather(
            in_thread(read_frames, server.url("door"), 25),
            in_thread(read_frames, server.url("window"), 25),
        )

    door, window = serve(film, client, mounts=("door", "window"), loop=True)
    assert sender_clock(door) == pytest.approx(sender_clock(window), abs=0.2)


def sender_clock(rows) -> float:
    """Film time at the Unix epoch, modulo the film, by the frames that came least late."""
    length_s = FRAMES / FPS
    best = min(arrived_at_ns / 1e9 % length_s - number / FPS for number, _, arrived_at_ns in rows)
    return best % length_s


def test_all_cameras_wait_for_a_common_start(film):
    async def client(server):
        server.play_from(time.time_ns() + 1_000_000_000)
        rows = await in_thread(read_frames, server.url("door"), 3)
        return server.started_at_ns, rows

    started_at_ns, rows = serve(film, client)
    assert [number for number, _, _ in rows] == [0, 1, 2]
    assert rows[0][2] >= started_at_ns


def test_the_connection_ends_with_the_film(film):
    async def client(server):
        server.play_from(time.time_ns() + 300_000_000)
        return await in_thread(read_frames, server.url("door"), 1000)

    numbers = [number for number, _, _ in serve(film, client)]
    assert numbers == list(range(FRAMES))


def test_a_film_that_is_over_is_not_served_again(film):
    async def client(server):
        server.play_from(time.time_ns() - 10_000_000_000)
        with pytest.raises(av.error.HTTPServerError):
            await in_thread(read_frames, server.url("door"), 1)

    serve(film, client)


def test_the_last_picture_is_held_when_asked_for(film):
    async def client(server):
        server.play_from(time.time_ns() + 300_000_000)
        return await in_thread(read_frames, server.url("door"), FRAMES + 10)

    numbers = [number for number, _, _ in serve(film, client, on_end="hold")]
    assert numbers == [*range(FRAMES), *[FRAMES - 1] * 10]


def test_pictures_that_refer_ahead_arrive_in_the_right_order(tmp_path):
    film = make_film(tmp_path / "b.mp4", b_frames=2)
    assert any(unit.pts != unit.dts for unit in load_film(film).units)

    async def client(server):
        server.play_from(time.time_ns() + 500_000_000)
        return await in_thread(read_frames, server.url("door"), 1000)

    assert [number for number, _, _ in serve(film, client)] == list(range(FRAMES))


def test_an_unknown_path_is_not_found(film):
    async def client(server):
        with pytest.raises(av.error.HTTPNotFoundError):
            await in_thread(read_frames, server.url("nowhere"), 1)

    serve(film, client)


async def ask(server, *lines: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=65536)
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    return reader, writer, head


def test_what_a_camera_does_not_know_is_refused_in_its_own_words(film):
    async def client(server):
        url = server.url("door")
        statuses = []
        for lines in (
            (f"OPTIONS {url} RTSP/1.0", "CSeq: 1"),
            (f"RECORD {url} RTSP/1.0", "CSeq: 2"),
            (f"PLAY {url} RTSP/1.0", "CSeq: 3"),
            (f"SETUP {url}/trackID=0 RTSP/1.0", "CSeq: 4", "Transport: RTP/AVP;multicast"),
        ):
            _, writer, head = await ask(server, *lines)
            statuses.append(int(head.split()[1]))
            writer.close()
        return statuses

    assert serve(film, client) == [200, 501, 455, 461]


@pytest.mark.parametrize("noise", [b"\x00" * 100 + b"\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])
def test_noise_closes_the_connection(film, noise):
    async def client(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(noise)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()

    serve(film, client)


def test_an_endless_request_is_cut_off(film):
    async def client(server):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"OPTIONS " + b"x" * 100_000)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()

    serve(film, client)


async def play(server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that plays and has read nothing of the film."""
    url = server.url("door")
    setup = (f"SETUP {url}/trackID=0 RTSP/1.0", "CSeq: 1")
    reader, writer, _ = await ask(server, *setup, "Transport: RTP/AVP/TCP;interleaved=0-1")
    writer.write(f"PLAY {url} RTSP/1.0\r\nCSeq: 2\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def wait_until(happened) -> None:
    async with asyncio.timeout(30):
        while not happened():
            await asyncio.sleep(0.01)


def test_a_client_that_vanishes_frees_what_it_held(film):
    async def client(server):
        for _ in range(5):
            _, writer = await play(server)
            writer.transport.abort()
        await wait_until(lambda: server.clients == 0)
        return asyncio.all_tasks()

    assert len(serve(film, client, loop=True)) == 1


def test_a_client_that_does_not_read_is_dropped(film, monkeypatch):
    monkeypatch.setattr("deploy.simulator.rtsp_player.MAX_UNSENT_BYTES", 0)
    monkeypatch.setattr(
        TcpWire, "send", lambda wire, packets: wire._writer.write(bytes(50_000_000))
    )

    async def client(server):
        reader, writer = await play(server)
        reader._transport.pause_reading()
        await wait_until(lambda: server.clients == 1)
        await wait_until(lambda: server.clients == 0)
        writer.transport.abort()

    serve(film, client, loop=True)


def test_teardown_ends_the_connection(film):
    async def client(server):
        reader, writer = await play(server)
        writer.write(b"TEARDOWN * RTSP/1.0\r\nCSeq: 3\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            while await reader.read(65536):
                pass
        writer.close()
        await wait_until(lambda: server.clients == 0)

    serve(film, client, loop=True)


def test_sender_reports_carry_the_films_wall_clock(film):
    async def client(server):
        reader, writer = await play(server)
        while True:
            header = await reader.readexactly(4)
            packet = await reader.readexactly(int.from_bytes(header[2:], "big"))
            if header[1] == 1:
                break
        writer.transport.abort()
        return packet

    report = serve(film, client, loop=True)
    assert report[1] == 200
    seconds_since_1900 = int.from_bytes(report[8:12], "big")
    assert abs(seconds_since_1900 - 2_208_988_800 - time.time()) < 60


def test_a_film_that_cannot_be_served_is_explained(tmp_path):
    (tmp_path / "noise.mp4").write_bytes(b"noise" * 100)
    with pytest.raises(FilmError, match="cannot be read as a film"):
        RtspServer({"door": tmp_path / "noise.mp4"})
    with pytest.raises(FilmError, match="cannot be read as a film"):
        RtspServer({"door": tmp_path / "missing.mp4"})


def test_a_film_of_another_codec_is_explained(tmp_path):
    with pytest.raises(FilmError, match=r"only H\.264"):
        load_film(make_film(tmp_path / "other.mp4", codec="mpeg4"))


def test_requests_are_read_as_they_are_written():
    request = parse_request(b"SETUP rtsp://h:1/room%201/cam/trackID=0 RTSP/1.0\r\nCSeq: 7\r\n\r\n")
    assert (request.method, request.mount, request.headers["cseq"]) == ("SETUP", "room 1/cam", "7")
    with pytest.raises(ProtocolError):
        parse_request(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("transport", "channel"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=2-3", 2),
        ("RTP/AVP;unicast;client_port=1-2,RTP/AVP/TCP", 0),
        ("RTP/AVP/UDP;unicast", None),
        ("RTP/AVP/TCP;interleaved=999-1000", None),
        ("", None),
    ],
)
def test_what_a_client_offers_for_tcp_is_read(transport, channel):
    assert interleaved_channel(transport) == channel


@pytest.mark.parametrize(
    ("transport", "port"),
    [
        ("RTP/AVP;unicast;client_port=5000-5001", 5000),
        ("RTP/AVP/UDP;unicast;client_port=5000-5001", 5000),
        ("RTP/AVP;multicast;client_port=5000-5001", None),
        ("RTP/AVP;unicast", None),
        ("RTP/AVP;unicast;client_port=99999-100000", None),
        ("RTP/AVP/TCP;unicast;interleaved=0-1", None),
        ("", None),
    ],
)
def test_what_a_client_offers_for_udp_is_read(transport, port):
    assert client_port(transport) == port


@pytest.fixture
def server_process(film) -> Iterator[subprocess.Popen[str]]:
    code = f"""
        from pathlib import Path
        from deploy.simulator.rtsp_process import run
        run({{"door": Path({str(film)!r})}}, loop=True,
            on_ready=lambda server: print(server.url("door"), flush=True))
    """
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_a_server_process_ends_cleanly_on_sigterm_while_clients_play(server_process):
    lines = (line.strip() for line in server_process.stdout)
    url = next(line for line in lines if line.startswith("rtsp://"))
    with av.open(url, options={"rtsp_transport": "tcp"}, timeout=(5, 5)) as container:
        assert next(container.decode(video=0)) is not None
        server_process.send_signal(signal.SIGTERM)
        assert server_process.wait(20) == 0
    assert not psutil.pid_exists(server_process.pid)
