"""Whether a camera is on the network at all: far cheaper for both sides than opening its stream."""

from __future__ import annotations

import socket
from typing import Final
from urllib.parse import urlsplit

PATIENCE_S: Final = 1.0
PORTS: Final = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
OPTIONS: Final = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: facepose\r\n\r\n"


def answers_knock(url: str) -> bool:
    """Whether the camera takes a connection, and speaks, where it speaks RTSP in the clear.

    A host whose program hangs still takes connections: its kernel does. Takes up to two seconds,
    and longer only where the resolver of names does.
    """
    try:
        parts = urlsplit(url)
        address = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
        with socket.create_connection(address, PATIENCE_S) as connection:
            if parts.scheme != "rtsp":
                return True
            connection.settimeout(PATIENCE_S)
            connection.sendall(OPTIONS)
            return bool(connection.recv(4096))
    except (OSError, UnicodeError, ValueError):
        return False
