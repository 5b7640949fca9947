"""RTSP as simulated cameras speak it, with clients that ask, talk noise, vanish or never read."""

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from deploy.simulator.rtsp_protocol import ProtocolError, parse_request
from deploy.simulator.rtsp_wire import TcpWire, client_port, interleaved_channel
from tests.integration.served_film import make_film, serve


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_film(tmp_path_factory.mktemp("film") / "boxes.mp4")


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
