"""Simulated cameras over real RTSP, read with PyAV as ingest reads them."""

import asyncio
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
import psutil
import pytest

from deploy.simulator.rtsp_film import FilmError, load_film
from deploy.simulator.rtsp_server import RtspServer
from tests.fixtures_cameras import number_of
from tests.integration.served_film import FPS, FRAMES, make_film, serve


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


def test_a_film_that_cannot_be_served_is_explained(tmp_path):
    (tmp_path / "noise.mp4").write_bytes(b"noise" * 100)
    with pytest.raises(FilmError, match="cannot be read as a film"):
        RtspServer({"door": tmp_path / "noise.mp4"})
    with pytest.raises(FilmError, match="cannot be read as a film"):
        RtspServer({"door": tmp_path / "missing.mp4"})


def test_a_film_of_another_codec_is_explained(tmp_path):
    with pytest.raises(FilmError, match=r"only H\.264"):
        load_film(make_film(tmp_path / "other.mp4", codec="mpeg4"))


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
