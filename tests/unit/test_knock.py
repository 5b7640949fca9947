"""A camera is known to be there by its answer, not by its host's."""

from __future__ import annotations

import socket
import threading

from ingest.stream.knock import answers_knock
from tests.integration.broken_cameras import SILENT, broken_camera


def test_a_camera_that_answers_is_there_whatever_it_says_of_the_stream() -> None:
    with broken_camera("404 Not Found") as port:
        assert answers_knock(f"rtsp://user:pass%40@127.0.0.1:{port}/1")


def test_a_closed_port_is_nobody() -> None:
    with broken_camera(SILENT) as port:
        pass
    assert not answers_knock(f"rtsp://127.0.0.1:{port}/1")


def test_a_host_whose_program_hangs_is_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # the kernel accepts, nobody answers
        assert not answers_knock(f"rtsp://127.0.0.1:{server.getsockname()[1]}/1")


def test_over_http_the_connection_is_enough() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            server.accept()[0].close()

        accepted = threading.Thread(target=accept)
        accepted.start()
        assert answers_knock(f"http://127.0.0.1:{server.getsockname()[1]}/video")
        accepted.join(5)


def test_urls_that_make_no_sense_are_nobody() -> None:
    for url in ("rtsp://", "rtsp://host:99999/1", "rtsp://no-such-host.invalid/1", "film.mp4"):
        assert not answers_knock(url)
