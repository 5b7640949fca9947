"""Cameras that answer wrongly, as data: what each says to each connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SILENT = "silent"
CLOSE = "close"


@contextmanager
def broken_camera(answer: str) -> Iterator[int]:
    """A TCP server on a port of its own.

    Args:
        answer: a status line's rest like "404 Not Found" for every request but OPTIONS, or
            `SILENT` (accepts and says nothing), or `CLOSE` (hangs up at the first request).
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        stop = threading.Event()
        thread = threading.Thread(target=_serve, args=(server, answer, stop))
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            thread.join(10)


def _serve(server: socket.socket, answer: str, stop: threading.Event) -> None:
    open_connections = []
    while not stop.is_set():
        try:
            connection, _ = server.accept()
        except TimeoutError:
            continue
        connection.settimeout(5)
        open_connections.append(connection)
        if answer != SILENT:
            _answer_requests(connection, answer)
    for connection in open_connections:
        connection.close()


def _answer_requests(connection: socket.socket, answer: str) -> None:
    with connection, connection.makefile("rb") as lines:
        while request := lines.readline():
            sequence = b"0"
            while (line := lines.readline().strip()) != b"":
                name, _, value = line.partition(b":")
                sequence = value.strip() if name.lower() == b"cseq" else sequence
            if answer == CLOSE:
                return
            is_options = request.startswith(b"OPTIONS")
            status = b"200 OK" if is_options else answer.encode()
            head = b"RTSP/1.0 " + status + b"\r\nCSeq: " + sequence + b"\r\n"
            if b"401" in status:
                head += b'WWW-Authenticate: Basic realm="camera"\r\n'
            connection.sendall(head + b"\r\n")
