"""A TCP port that can be closed for a while without being lost to another program."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable

from deploy.simulator.rtsp_protocol import MAX_REQUEST_BYTES

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """Listens on one port, or holds it closed: bound, so that connections are refused.

    Args:
        host: IPv4 address to listen on.
        port: 0 takes a free one at the first `open`.
        tls: to speak inside TLS.
    """

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.host = host
        self.port = port
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._held: socket.socket | None = None

    async def open(self, serve: Serve) -> None:
        """Take connections."""
        bound = self._held or self._bind()
        self._held = None
        self._server = await asyncio.start_server(
            serve, sock=bound, ssl=self._tls, limit=MAX_REQUEST_BYTES
        )

    def close(self) -> None:
        """Refuse connections; those that are open go on."""
        if self._server is not None and self._held is None:
            self._server.close()
            self._held = self._bind()

    async def release(self) -> None:
        """Give the port up; after `close`, and when no connection is open."""
        if self._held is not None:
            self._held.close()
            self._held = None
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    def _bind(self) -> socket.socket:
        bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((self.host, self.port))
        except OSError:
            bound.close()
            raise
        self.port = bound.getsockname()[1]
        return bound
