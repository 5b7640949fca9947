"""The simulator and clients that owe nothing to this project: ffmpeg and GStreamer.

And the other way round: PyAV, as ingest uses it, and GStreamer's own RTSP server.
"""

from __future__ import annotations

import functools
import itertools
import shutil
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest

from deploy.simulator.http_camera import HttpCamera
from deploy.simulator.rtsp_login import Login
from deploy.simulator.rtsp_server import RtspServer
from tests.fixtures_cameras import camera_thread, number_in, numbered_film
from tests.gst_camera import gst_camera

PICTURES = 50
WIDTH, HEIGHT = 160, 96
WANTED = 30
USER, PASSWORD = "a@b/%?# é", "p@:/%?# ü"
PATIENCE_S = 60


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    return {
        "h264": numbered_film(folder / "h264.mp4", b_frames=2),
        "hevc": numbered_film(folder / "hevc.mp4", "libx265", b_frames=2),
    }


@pytest.fixture
def ffmpeg() -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed: apt-get install ffmpeg")


@functools.cache
def gstreamer_has(*elements: str) -> bool:
    if shutil.which("gst-inspect-1.0") is None:
        return False
    return all(
        subprocess.run(["gst-inspect-1.0", "--exists", name], check=False).returncode == 0
        for name in elements
    )


@pytest.fixture
def gstreamer() -> None:
    if not gstreamer_has("rtspsrc", "rtph264depay", "h265parse", "avdec_h265"):
        pytest.skip(
            "GStreamer is not installed: apt-get install gstreamer1.0-tools gstreamer1.0-libav "
            "gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"
        )


def read_by_ffmpeg(url: str, *options: str) -> list[int]:
    """The numbers of the first pictures."""
    output = (
        "-fps_mode",
        "passthrough",
        "-frames:v",
        str(WANTED),
        "-f",
        "rawvideo",
        "-pix_fmt",
        "gray",
        "-",
    )
    return numbers_of(["ffmpeg", "-v", "error", *options, "-i", url, *output])


def read_by_gstreamer(url: str, codec: str, *options: str) -> list[int]:
    kind = {"h264": "h264", "hevc": "h265"}[codec]
    pipeline = (
        f"! rtp{kind}depay ! {kind}parse ! avdec_{kind} ! identity eos-after={WANTED + 2} "
        "! videoconvert ! video/x-raw,format=GRAY8 ! fdsink sync=false"
    )
    source = ["rtspsrc", f"location={url}", "latency=50", *options]
    return numbers_of(["gst-launch-1.0", "-q", *source, *pipeline.split()])


def numbers_of(command: list[str]) -> list[int]:
    run = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False)
    assert run.returncode == 0, run.stderr.decode()
    pictures = np.frombuffer(run.stdout, np.uint8).reshape(-1, HEIGHT, WIDTH)
    return [number_in(picture) for picture in pictures[:WANTED]]


def assert_in_order(numbers: list[int]) -> None:
    assert len(numbers) == WANTED
    assert all(b == (a + 1) % PICTURES for a, b in itertools.pairwise(numbers))


def camera(film: Path, login: Login | None = None, **options: bool) -> RtspServer:
    logins = {} if login is None else {"door": login}
    return RtspServer({"door": film}, loop=True, logins=logins, **options)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.usefixtures("ffmpeg")
def test_ffmpeg_sees_every_picture(films, codec, transport):
    server = camera(films[codec], Login(USER, PASSWORD))
    with camera_thread(server):
        url = server.url("door", with_login=True)
        assert_in_order(read_by_ffmpeg(url, "-rtsp_transport", transport))


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.usefixtures("gstreamer")
def test_gstreamer_sees_every_picture(films, codec, transport):
    server = camera(films[codec], Login(USER, PASSWORD))
    with camera_thread(server):
        options = (f"user-id={USER}", f"user-pw={PASSWORD}", f"protocols={transport}")
        assert_in_order(read_by_gstreamer(server.url("door"), codec, *options))


@pytest.mark.parametrize("scheme", ["basic", "digest"])
@pytest.mark.usefixtures("ffmpeg")
def test_ffmpeg_knows_the_older_ways_to_ask_for_a_password(films, scheme):
    server = camera(films["h264"], Login(USER, PASSWORD, scheme))
    with camera_thread(server):
        url = server.url("door", with_login=True)
        assert_in_order(read_by_ffmpeg(url, "-rtsp_transport", "tcp"))


@pytest.mark.parametrize("scheme", ["basic", "digest"])
@pytest.mark.usefixtures("gstreamer")
def test_gstreamer_knows_the_older_ways_to_ask_for_a_password(films, scheme):
    server = camera(films["h264"], Login(USER, PASSWORD, scheme))
    with camera_thread(server):
        options = (f"user-id={USER}", f"user-pw={PASSWORD}", "protocols=tcp")
        assert_in_order(read_by_gstreamer(server.url("door"), "h264", *options))


@pytest.mark.usefixtures("ffmpeg")
def test_ffmpeg_is_refused_with_a_wrong_password(films):
    server = camera(films["h264"], Login(USER, PASSWORD))
    with camera_thread(server), pytest.raises(AssertionError, match="401"):
        read_by_ffmpeg(
            server.url("door").replace("//", "//someone:else@"), "-rtsp_transport", "tcp"
        )


@pytest.mark.usefixtures("gstreamer")
def test_gstreamer_is_refused_with_a_wrong_password(films):
    server = camera(films["h264"], Login(USER, PASSWORD))
    options = ("user-id=someone", "user-pw=else", "protocols=tcp")
    with camera_thread(server), pytest.raises(AssertionError, match="Unauthorized"):
        read_by_gstreamer(server.url("door"), "h264", *options)


@pytest.mark.usefixtures("ffmpeg")
def test_ffmpeg_reads_inside_tls(films):
    server = camera(films["h264"], tls=True)
    with camera_thread(server):
        assert_in_order(read_by_ffmpeg(server.url("door"), "-rtsp_transport", "tcp"))


@pytest.mark.parametrize("name", ["video.mjpg", "live.m3u8", "film.m3u8"])
@pytest.mark.usefixtures("ffmpeg")
def test_ffmpeg_reads_http_cameras(films, name):
    http = HttpCamera(films["h264"])
    with camera_thread(http):
        assert_in_order(read_by_ffmpeg(http.url(name)))


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_an_independent_server_can_be_read_killed_and_started_again_on_its_port(codec):
    with gst_camera(codec) as server:
        url = server.url
        for _ in range(2):
            with av.open(url, options={"rtsp_transport": "tcp"}, timeout=(5, 5)) as container:
                frame = next(container.decode(video=0))
                assert (frame.width, frame.height) == (320, 180)
            server.kill()
            with pytest.raises(av.error.ConnectionRefusedError):
                av.open(url, options={"rtsp_transport": "tcp"}, timeout=(5, 5))
            server.start()
            assert server.url == url
