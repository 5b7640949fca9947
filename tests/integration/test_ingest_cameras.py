"""Cameras over real RTSP into a real Valkey."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import simplejpeg

from deploy.simulator.rtsp_server import RtspServer
from schemas.messages import EndOfStream, Frame
from tests.fixtures_films import frame_number, write_film
from tests.fixtures_worker import LocalValkey
from tests.integration.running_ingest import Seen, running_ingest, site_of, wait_for

Value = TypeVar("Value")
FPS = 25
FILM_S = 4


class CameraServer:
    """The simulator's RTSP server in an event loop of its own thread."""

    def __init__(self, film: Path) -> None:
        self._film = film
        self._port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.server = self._new()

    def _new(self) -> RtspServer:
        return RtspServer({"c1": self._film}, port=self._port, loop=True)

    def start(self) -> None:
        self.server = self._new()
        self._run(self.server.start)
        self._port = self.server.port

    def stop(self) -> None:
        """Drop every connection and close the port."""
        self._run(self.server.stop)

    def drop_connections(self) -> None:
        """As a camera that restarts its stream."""
        self._loop.call_soon_threadsafe(self.server.play_from, self.server.started_at_ns)

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, make: Callable[[], Coroutine[Any, Any, Value]]) -> Value:
        return asyncio.run_coroutine_threadsafe(make(), self._loop).result(20)


@contextmanager
def camera_server(film: Path) -> Iterator[CameraServer]:
    server = CameraServer(film)
    server.start()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def valkey() -> Iterator[LocalValkey]:
    with LocalValkey() as server:
        yield server


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[CameraServer]:
    film = write_film(tmp_path / "film.mp4", seconds=FILM_S, fps=FPS, gop=FPS)
    with camera_server(film) as server:
        yield server


def camera_line(server: CameraServer) -> str:
    return f"{{id: c1, url: '{server.server.url('c1')}', analysis_fps: 5}}"


def error_ms(frame: Frame, jpeg: bytes, server: CameraServer) -> float:
    """captured_at against the number drawn into the picture, to the nearest round of the film."""
    shown_ns = frame_number(simplejpeg.decode_jpeg(jpeg)) * 1e9 / FPS
    error_s = (frame.captured_at - server.server.started_at_ns - shown_ns) / 1e9
    return float((error_s + FILM_S / 2) % FILM_S - FILM_S / 2) * 1000


def test_frames_come_at_the_analysis_rate_with_the_cameras_own_time(
    valkey: LocalValkey, camera: CameraServer
) -> None:
    seen = Seen(valkey.url)
    with running_ingest(site_of(camera_line(camera)), valkey.url):
        # Twenty are kept; so wait for the film's seam to lie among them.
        wait_for(lambda: any(f.seq >= 24 for f, _ in seen.frames()), "25 frames")
        pictures = seen.frames()

    headers = [frame for frame, _ in pictures]
    assert len({header.epoch for header in headers}) == 1
    assert [h.seq for h in headers] == list(range(headers[0].seq, headers[0].seq + len(headers)))
    gaps_ms = [(b.captured_at - a.captured_at) / 1e6 for a, b in pairwise(headers)]
    assert np.abs(np.array(gaps_ms) - 200).max() < 1
    errors = [error_ms(frame, jpeg, camera) for frame, jpeg in pictures]
    assert np.abs(errors).max() < 100


def test_a_dropped_connection_gives_a_new_epoch_and_the_camera_down_in_between(
    valkey: LocalValkey, camera: CameraServer
) -> None:
    seen = Seen(valkey.url)
    with running_ingest(site_of(camera_line(camera)), valkey.url):
        wait_for(lambda: len(seen.frames()) >= 3 and seen.statuses(), "the first frames")
        before = seen.frames()[-1][0]
        camera.stop()
        down = wait_for(
            lambda: next((s for s in seen.statuses() if s.epoch and s.state == "down"), None),
            "the camera to be down",
        )
        camera.start()
        after = wait_for(
            lambda: next((f for f, _ in seen.frames() if f.epoch != before.epoch), None),
            "frames of a new epoch",
        )
        wait_for(lambda: any(s.epoch == after.epoch for s in seen.statuses()), "its status")

    assert down.epoch == before.epoch
    assert down.last_seq >= before.seq
    assert down.reason
    assert after.seq == 0
    assert after.epoch > before.epoch
    assert after.captured_at > before.captured_at
    last_of_old = [s for s in seen.statuses() if s.epoch == before.epoch][-1]
    published = [f.seq for f, _ in seen.frames() if f.epoch == before.epoch]
    assert last_of_old.last_seq == published[-1]
    end = seen.log()[-1]
    assert isinstance(end, EndOfStream)
    assert end.epoch == after.epoch


def test_a_camera_that_restarts_its_stream_is_read_again(
    valkey: LocalValkey, camera: CameraServer
) -> None:
    seen = Seen(valkey.url)
    with running_ingest(site_of(camera_line(camera)), valkey.url):
        first = wait_for(seen.frames, "the first frame")[0][0]
        camera.drop_connections()
        wait_for(
            lambda: any(f.epoch != first.epoch for f, _ in seen.frames()), "frames of a new epoch"
        )


def test_a_wrong_path_gives_its_reason_without_credentials(
    valkey: LocalValkey, camera: CameraServer
) -> None:
    seen = Seen(valkey.url)
    url = camera.server.url("nothing-here").replace("//", "//admin:s3cret@")
    line = f"{{id: c1, url: '{url.replace('s3cret', '${PW}')}'}}"
    with running_ingest(site_of(line), valkey.url, PW="s3cret"):
        status = wait_for(
            lambda: next((s for s in seen.statuses() if "404" in s.reason), None), "the reason"
        )

    assert status.reason == "the camera knows no such stream (404); check the path"
    assert "s3cret" not in str(seen.log())


def test_broken_packets_do_not_end_the_stream(valkey: LocalValkey, tmp_path: Path) -> None:
    """Every 20th packet of the film is overwritten behind its header, as by a bad line."""
    film = write_film(tmp_path / "film.mp4", seconds=FILM_S, fps=FPS, gop=5)
    data = bytearray(film.read_bytes())
    rng = np.random.default_rng(5)
    for at in rng.integers(2000, len(data) // 2, 40):
        data[at] ^= 0xFF
    film.write_bytes(data)
    seen = Seen(valkey.url)
    with camera_server(film) as server, running_ingest(site_of(camera_line(server)), valkey.url):
        frames = wait_for(
            lambda: f if (f := seen.frames()) and f[-1][0].seq >= 15 else None, "15 frames"
        )

    assert len({frame.epoch for frame, _ in frames}) == 1
