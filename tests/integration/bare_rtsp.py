"""An RTSP client of bare sockets, to see packets as they are sent."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from deploy.simulator.rtsp_server import RtspServer


class BareClient:
    """Plays a mount over TCP; `status` is the answer to DESCRIBE."""

    def __init__(self, server: RtspServer, mount: str = "door") -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout=5)
        self._stream = self._socket.makefile("rb")
        url = server.url(mount)
        self.status = self._ask(f"DESCRIBE {url} RTSP/1.0")
        self._ask(f"SETUP {url} RTSP/1.0", "Transport: RTP/AVP/TCP;interleaved=0-1")
        self._ask(f"PLAY {url} RTSP/1.0")

    def _ask(self, *lines: str) -> int:
        self._socket.sendall(("\r\n".join([*lines, "CSeq: 1"]) + "\r\n\r\n").encode())
        status, length = int(self._stream.readline().split()[1]), 0
        while line := self._stream.readline().strip():
            if line.startswith(b"Content-Length:"):
                length = int(line.split()[1])
        self._stream.read(length)
        return status

    def packet(self) -> tuple[int, bytes]:
        """Channel and content of the next packet; channel 1 is RTCP."""
        header = self._stream.read(4)
        return header[1], self._stream.read(int.from_bytes(header[2:], "big"))

    def stamp(self) -> int:
        """The RTP time stamp of the next picture that is complete."""
        while True:
            channel, packet = self.packet()
            if channel == 0 and packet[1] & 128:  # the marker: a picture's last packet
                return int.from_bytes(packet[4:8], "big")

    def read_to_the_end(self) -> None:
        """Until the camera closes the connection."""
        with contextlib.suppress(ConnectionResetError):
            while self._stream.read(65536):
                pass

    def close(self) -> None:
        self._stream.close()
        self._socket.close()


@contextmanager
def bare_client(server: RtspServer) -> Iterator[BareClient]:
    client = BareClient(server)
    try:
        yield client
    finally:
        client.close()
