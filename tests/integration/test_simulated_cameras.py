"""Kinds of simulated cameras, each read with PyAV: codecs, transports, passwords, TLS, HTTP."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest

from deploy.simulator.http_camera import HttpCamera
from deploy.simulator.line import Line
from deploy.simulator.rtsp_film import load_film
from deploy.simulator.rtsp_login import Login, Scheme
from deploy.simulator.rtsp_server import RtspServer
from tests.fixtures_cameras import camera_thread, number_of, numbered_film

PICTURES = 30
PROBING = {"fpsprobesize": "0", "analyzeduration": "500000"}  # as ingest: sooner by a second
TCP = {"rtsp_transport": "tcp", **PROBING}
UDP = {"rtsp_transport": "udp", **PROBING}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("films")
    return {
        "h264": numbered_film(folder / "h264.mp4", pictures=PICTURES),
        "h264-b": numbered_film(folder / "h264-b.mp4", pictures=PICTURES, b_frames=2),
        "hevc": numbered_film(folder / "hevc.mp4", "libx265", pictures=PICTURES),
        "hevc-b": numbered_film(folder / "hevc-b.mp4", "libx265", pictures=PICTURES, b_frames=2),
    }


def read(url: str, count: int, options: dict[str, str]) -> list[tuple[int, Fraction | None]]:
    """Number and time stamp [s] of the first pictures."""
    rows = []
    with av.open(url, options=options, timeout=(5, 5)) as container:
        for frame in itertools.islice(container.decode(video=0), count):
            stamp = None if frame.pts is None else frame.pts * frame.time_base
            rows.append((number_of(frame), stamp))
    return rows


def follow_each_other(numbers: list[int]) -> bool:
    return all(b == (a + 1) % PICTURES for a, b in itertools.pairwise(numbers))


@pytest.mark.parametrize("kind", ["h264", "h264-b", "hevc", "hevc-b"])
@pytest.mark.parametrize("transport", [TCP, UDP], ids=["tcp", "udp"])
def test_pictures_come_in_order_with_even_time_stamps(films, kind, transport):
    film = load_film(films[kind])
    assert film.codec == kind.partition("-")[0]
    assert any(unit.pts != unit.dts for unit in film.units) == kind.endswith("-b")
    server = RtspServer({"door": films[kind]}, loop=True)
    with camera_thread(server):
        rows = read(server.url("door"), 40, transport)

    assert follow_each_other([number for number, _ in rows])
    stamps = [stamp for _, stamp in rows if stamp is not None]
    assert len(stamps) >= 39
    steps = [float(b - a) for a, b in itertools.pairwise(stamps)]
    assert steps == pytest.approx([1 / 25] * len(steps), abs=1e-3)


def test_an_h265_films_last_picture_is_held(films):
    still = load_film(films["hevc"], with_still=True).still
    decoder = av.CodecContext.create("hevc", "r")
    pictures = [*decoder.decode(av.Packet(still)), *decoder.decode(None)]
    assert [number_of(picture) for picture in pictures] == [PICTURES - 1]


# No colon: FFmpeg, like Basic itself, takes what stands behind it for the password.
ODD_USER = "a@b/%?# é"
ODD_PASSWORD = "p@:/%?# ü;,=&+"
SCHEMES: tuple[Scheme, ...] = ("basic", "digest", "digest-qop")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    ("user", "password"), [("admin", "secret"), (ODD_USER, ODD_PASSWORD)], ids=["plain", "odd"]
)
def test_the_right_password_opens_the_camera(films, scheme, user, password):
    login = Login(user, password, scheme)
    server = RtspServer({"door": films["h264"]}, loop=True, logins={"door": login})
    with camera_thread(server):
        assert len(read(server.url("door", with_login=True), 3, TCP)) == 3


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_password_and_a_wrong_one_are_refused(films, scheme):
    login = Login("admin", "secret", scheme)
    mounts = dict.fromkeys(("door", "window"), films["h264"])
    server = RtspServer(mounts, loop=True, logins={"door": login})
    with camera_thread(server):
        for credentials in ("", "admin:wrong@", "someone:secret@"):
            url = server.url("door").replace("//", f"//{credentials}")
            with pytest.raises(av.error.HTTPUnauthorizedError):
                read(url, 1, TCP)
        assert read(server.url("window"), 1, TCP)


def test_a_digest_is_the_one_of_the_rfcs_own_example():
    """RFC 2617, 3.5."""
    login = Login(
        "Mufasa",
        "Circle Of Life",
        "digest-qop",
        realm="testrealm@host.com",
        nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
    )
    header = (
        'Digest username="Mufasa", realm="testrealm@host.com", '
        'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth, '
        'nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1", '
        'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    assert login.admits("GET", header)
    assert not login.admits("PUT", header)
    assert not login.admits("GET", header.replace("6629", "6620"))
    assert not login.admits("GET", "Basic TXVmYXNhOkNpcmNsZSBPZiBMaWZl")
    assert "Circle" not in repr(login)


def test_a_camera_speaks_tls_with_a_certificate_signed_by_nobody(films):
    server = RtspServer({"door": films["h264"]}, loop=True, tls=True)
    with camera_thread(server):
        assert server.url("door").startswith("rtsps://")
        assert len(read(server.url("door"), 3, TCP | {"tls_verify": "0"})) == 3
        with pytest.raises(av.error.FFmpegError):
            read(server.url("door"), 3, TCP | {"tls_verify": "1"})


def test_jitter_delays_pictures_and_keeps_their_order(films):
    server = RtspServer({"door": films["h264"]}, loop=True, line=Line(jitter_s=0.2, seed=1))
    with camera_thread(server):
        rows = read(server.url("door"), 40, TCP)
    assert follow_each_other([number for number, _ in rows])
    delays = [Line(jitter_s=0.2, seed=1).delays() for _ in range(2)]
    first, again = ([delay() for _ in range(50)] for delay in delays)
    assert first == again
    assert 0 <= min(first) < 0.05
    assert 0.15 < max(first) <= 0.2


def test_a_lossy_line_loses_packets_over_udp(films):
    server = RtspServer({"door": films["h264"]}, loop=True, line=Line(loss=0.2, seed=1))
    with camera_thread(server), av.open(server.url("door"), options=UDP, timeout=(5, 5)) as opened:
        packets = list(itertools.islice(opened.demux(video=0), 40))
    stamps = [packet.pts for packet in packets if packet.pts is not None]
    steps = [b - a for a, b in itertools.pairwise(stamps)]
    assert max(steps) > 3600


@pytest.fixture(scope="module")
def http_camera(films) -> Iterator[HttpCamera]:
    camera = HttpCamera(films["h264-b"])
    with camera_thread(camera):
        yield camera


@pytest.mark.parametrize("name", ["video.mjpg", "film.m3u8"])
def test_http_cameras_send_every_picture_in_order(http_camera, name):
    numbers = [number for number, _ in read(http_camera.url(name), PICTURES, {})]
    assert len(numbers) == PICTURES
    assert follow_each_other(numbers)


def test_a_live_playlist_moves_on_and_its_stamps_go_on_across_the_films_end(http_camera):
    rows = read(http_camera.url("live.m3u8"), 2 * PICTURES, {})
    assert follow_each_other([number for number, _ in rows])
    stamps = [stamp for _, stamp in rows if stamp is not None]
    steps = [float(b - a) for a, b in itertools.pairwise(stamps)]
    assert steps == pytest.approx([1 / 25] * len(steps), abs=1e-3)


def test_an_http_camera_knows_only_its_own_paths(http_camera):
    with pytest.raises(av.error.HTTPNotFoundError):
        read(http_camera.url("nowhere"), 1, {})


@pytest.mark.parametrize("scheme", SCHEMES)
def test_an_http_camera_asks_for_its_password(films, scheme):
    camera = HttpCamera(films["h264"], login=Login("admin", ODD_PASSWORD, scheme), tls=True)
    options = {"tls_verify": "0"}
    with camera_thread(camera):
        assert read(camera.url("video.mjpg", with_login=True), 2, options)
        with pytest.raises(av.error.HTTPUnauthorizedError):
            read(camera.url("video.mjpg"), 1, options)
