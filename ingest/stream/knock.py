"""Whether a camera is on the network at all: far cheaper for both sides than opening its stream.

Also what FFmpeg does not tell of a connection that failed.
"""

from __future__ import annotations

import socket
import ssl
from typing import Final
from urllib.parse import urlsplit

PATIENCE_S: Final = 1.0
PORTS: Final = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
OPTIONS: Final = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: facepose\r\n\r\n"


def is_distrusted(url: str, trusted: str | None) -> bool:
    """Whether the camera shows a certificate that is not trusted; FFmpeg does not tell.

    Args:
        url: `rtsps` or `https`.
        trusted: file of trusted certificates; None: the system's.
    """
    try:
        address = _address(url)
        context = ssl.create_default_context(cafile=trusted)
        with (
            socket.create_connection(address, PATIENCE_S) as connection,
            context.wrap_socket(connection, server_hostname=address[0]),
        ):
            return False
    except ssl.SSLCertVerificationError:
        return True
    except (OSError, UnicodeError, ValueError):
        return False


def answers_knock(url: str) -> bool:
    """Whether the camera takes a connection, and speaks, where it speaks RTSP in the clear.

    A host whose program hangs still takes connections: its kernel does. Takes up to two seconds,
    and longer only where the resolver of names does.
    """
    try:
        with socket.create_connection(_address(url), PATIENCE_S) as connection:
            if urlsplit(url).scheme != "rtsp":
                return True
            connection.settimeout(PATIENCE_S)
            connection.sendall(OPTIONS)
            return bool(connection.recv(4096))
    except (OSError, UnicodeError, ValueError):
        return False


def _address(url: str) -> tuple[str, int]:
    """Host and port. Raises: ValueError when the url's port is none."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
