"""Every kind of url that a camera may have, read for real, and the time of its pictures."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from deploy.simulator.http_camera import HttpCamera
from deploy.simulator.line import Line
from deploy.simulator.rtsp_login import Login
from deploy.simulator.rtsp_server import RtspServer
from ingest.camera_spec import CameraSpec
from ingest.camera_state import CameraState
from ingest.errors import CameraError, TimeBreakError
from ingest.stream import opening
from ingest.stream.film import FilmSource
from ingest.stream.live import LiveSource
from ingest.stream.source import HostClocks, TimedFrame
from tests.fixtures_cameras import camera_thread
from tests.fixtures_films import frame_number, write_film

FPS = 25
FILM_S = 8
STRANGE = Login("Räum #1", "p@ss:/%?# wörd")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    return write_film(path, seconds=FILM_S, fps=FPS, gop=FPS)


def reading(
    url: str, count: int, *, clocks: HostClocks | None = None, **options
) -> tuple[list[TimedFrame], CameraState]:
    """So many sampled frames of a camera."""
    state = CameraState("r1", "c1", time.monotonic_ns)
    spec = CameraSpec(room_id="r1", camera_id="c1", url=url, **options)
    stop = threading.Event()
    kind = FilmSource if url.endswith("m3u8") else LiveSource
    source = kind(spec, clocks or HostClocks(), state, stop.wait)
    with closing(source.frames()) as frames:
        return list(islice(frames, count)), state


def gaps_ms(frames: list[TimedFrame]) -> list[float]:
    return [(b.captured_at - a.captured_at) / 1e6 for a, b in pairwise(frames)]


@pytest.mark.parametrize("scheme", ["basic", "digest", "digest-qop"])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_rtsp_with_a_login_of_strange_characters(film: Path, scheme: str, transport: str) -> None:
    login = Login(STRANGE.user, STRANGE.password, scheme)
    server = RtspServer({"c1": film}, loop=True, logins={"c1": login})
    with camera_thread(server):
        frames, state = reading(server.url("c1", with_login=True), 6, transport=transport)

    assert gaps_ms(frames) == pytest.approx([200] * 5, abs=1)
    assert state.report().packets > 20


def test_a_wrong_password_is_told_without_it(film: Path) -> None:
    server = RtspServer({"c1": film}, loop=True, logins={"c1": Login("admin", "right")})
    with camera_thread(server):
        url = server.url("c1").replace("rtsp://", "rtsp://admin:s3cret@")
        with pytest.raises(CameraError, match="refuses user or password") as caught:
            reading(url, 1)

    assert (caught.value.cause, caught.value.slowly) == ("unauthorized", True)
    assert "s3cret" not in str(caught.value)


def test_rtsps_needs_a_trusted_certificate_unless_told_otherwise(film: Path) -> None:
    server = RtspServer({"c1": film}, loop=True, tls=True)
    with camera_thread(server):
        with pytest.raises(CameraError) as caught:
            reading(server.url("c1"), 1)
        frames, _state = reading(server.url("c1"), 6, verify_tls=False)

    assert caught.value.cause == "untrusted"
    assert "verify_tls" in str(caught.value)
    assert gaps_ms(frames) == pytest.approx([200] * 5, abs=1)


@pytest.mark.parametrize("tls", [False, True])
def test_mjpeg_over_http_is_dated_by_arrival(film: Path, tls: bool) -> None:
    camera = HttpCamera(film, login=Login("admin", "p@ss", "basic"), tls=tls)
    with camera_thread(camera):
        url = camera.url("video.mjpg", with_login=True)
        before_ns = time.time_ns()
        frames, state = reading(url, 15, verify_tls=False)
        after_ns = time.time_ns()

    assert all(before_ns - 1e9 < frame.captured_at <= after_ns for frame in frames)
    assert np.mean(gaps_ms(frames)) == pytest.approx(200, abs=20)
    report = state.report()
    assert report.decoded < report.packets / 2  # each picture stands alone: only the sampled ones


def test_hls_is_played_evenly(film: Path) -> None:
    camera = HttpCamera(film)
    with camera_thread(camera):
        began_s = time.monotonic()
        frames, _state = reading(camera.url("live.m3u8"), 20)
        took_s = time.monotonic() - began_s

    assert gaps_ms(frames) == pytest.approx([200] * 19, abs=1)
    assert took_s > 3.8  # not a segment at once


def test_a_missing_hls_stream_is_told_as_one(film: Path) -> None:
    camera = HttpCamera(film)
    with camera_thread(camera), pytest.raises(CameraError) as caught:
        reading(camera.url("nothing.m3u8"), 1)
    assert caught.value.cause == "not_found"


def test_captured_at_is_right_within_100_ms_under_50_ms_of_jitter(film: Path) -> None:
    """Against the number drawn into each picture, over two rounds of the film."""
    server = RtspServer({"c1": film}, loop=True, line=Line(jitter_s=0.05, seed=3))
    with camera_thread(server):
        frames, state = reading(server.url("c1"), 45)
        errors_ms = []
        for frame in frames:
            shown_ns = frame_number(frame.image.to_ndarray(format="rgb24")) * 1e9 / FPS
            error_s = (frame.captured_at - server.started_at_ns - shown_ns) / 1e9
            errors_ms.append(((error_s + FILM_S / 2) % FILM_S - FILM_S / 2) * 1000)

    assert np.abs(errors_ms).max() <= 100
    assert min(gaps_ms(frames)) > 0
    # The camera's own clock, by its RTCP sender reports, is this machine's.
    offset_s = state.report().camera_offset_s
    assert offset_s is not None
    assert abs(offset_s) < 0.3


class SteppedClock:
    """A host whose clock NTP steps once."""

    def __init__(self, step_s: float) -> None:
        self._step_ns = int(step_s * 1e9)
        self.is_stepped = False

    def utc_ns(self) -> int:
        return time.time_ns() + (self._step_ns if self.is_stepped else 0)


@pytest.mark.parametrize("step_s", [5.0, -5.0])
def test_a_step_of_the_hosts_clock_ends_the_epoch_and_moves_no_time_before(
    film: Path, step_s: float
) -> None:
    server = RtspServer({"c1": film}, loop=True)
    host = SteppedClock(step_s)
    state = CameraState("r1", "c1", time.monotonic_ns)
    stop = threading.Event()
    with camera_thread(server):
        spec = CameraSpec(room_id="r1", camera_id="c1", url=server.url("c1"))
        clocks = HostClocks(utc_ns=host.utc_ns)
        source = LiveSource(spec, clocks, state, stop.wait)

        def read_on() -> Iterator[TimedFrame]:
            with closing(source.frames()) as frames:
                for frame in frames:
                    host.is_stepped = len(seen) >= 5
                    yield frame

        seen: list[TimedFrame] = []
        with pytest.raises(TimeBreakError, match="clock was stepped") as caught:
            seen.extend(frame for frame in read_on())

        assert caught.value.cause == "clock_step"


def test_hardware_that_is_not_there_is_told_once_and_done_without(film: Path) -> None:
    opening.hardware.cache_clear()
    if opening.hardware("cuda") is not None:
        pytest.skip("there is a CUDA decoder on this machine")
    opening.hardware.cache_clear()
    server = RtspServer({"c1": film}, loop=True)
    with camera_thread(server), capture_logs() as logs:
        for _ in range(2):
            frames, state = reading(server.url("c1"), 2, hardware="cuda")
            assert len(frames) == 2

    assert state.report().decoder == "software"
    assert [line["action"] for line in logs if line["log_level"] == "warning"] == [
        "decoder_fallback"
    ]


def test_a_reader_that_is_to_stop_stops_between_two_packets(film: Path) -> None:
    server = RtspServer({"c1": film}, loop=True)
    stop = threading.Event()
    state = CameraState("r1", "c1", time.monotonic_ns)
    with camera_thread(server):
        spec = CameraSpec(room_id="r1", camera_id="c1", url=server.url("c1"), analysis_fps=0.1)
        frames = LiveSource(spec, HostClocks(), state, stop.wait).frames()
        next(frames)
        stop.set()
        assert list(frames) == []
