"""Simulated cameras: films served over RTSP (TCP interleaved) in real time, as live cameras.

All mounts play by one clock: a client that joins late gets what every other client sees now.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal

import structlog

from deploy.simulator.rtsp_connection import Connection
from deploy.simulator.rtsp_film import Film, OnEnd, load_film
from deploy.simulator.rtsp_protocol import MAX_REQUEST_BYTES

LOOPBACK: Final = "127.0.0.1"

_log = structlog.get_logger(__name__)


class RtspServer:
    """Serves one film for each mount.

    Args:
        mounts: path in the url → H.264 film.
        host: address to listen on.
        port: 0 takes a free one.
        loop: repeat the film for ever with continuous time stamps.
        on_end: without `loop`, what comes after the last picture: the connection is closed, or
            the last picture held.

    Raises:
        FilmError: a film cannot be served.
    """

    def __init__(
        self,
        mounts: Mapping[str, Path],
        host: str = LOOPBACK,
        port: int = 0,
        *,
        loop: bool = False,
        on_end: Literal["hold", "close"] = "close",
    ) -> None:
        self.on_end: OnEnd = "loop" if loop else on_end
        self.films: dict[str, Film] = {
            name.strip("/"): load_film(path, with_still=self.on_end == "hold")
            for name, path in mounts.items()
        }
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._started_at_ns: int | None = None

    @property
    def started_at_ns(self) -> int:
        """Wall time of every film's first picture, Unix time in nanoseconds."""
        if self._started_at_ns is None:
            raise RuntimeError("the server has not been started")
        return self._started_at_ns

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._port

    @property
    def clients(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def url(self, name: str) -> str:
        """The url of one mount."""
        return f"rtsp://{self._host}:{self._port}/{name.strip('/')}"

    async def start(self) -> None:
        """Listen; the films start now unless `play_from` told another time."""
        self._server = await asyncio.start_server(
            self._serve, self._host, self._port, limit=MAX_REQUEST_BYTES
        )
        self._port = self._server.sockets[0].getsockname()[1]
        if self._started_at_ns is None:
            self._started_at_ns = time.time_ns()

    def play_from(self, wall_time_ns: int) -> None:
        """Let all films start (again) at this time, which may lie ahead; clients must reconnect.

        Readers with a time-out of some seconds give up on a start that lies further ahead.
        """
        self._started_at_ns = wall_time_ns
        for task in self._connections.values():
            task.cancel()

    def position_s(self) -> float:
        """Seconds since the first picture, below 0 before the start."""
        return (time.time_ns() - self.started_at_ns) / 1e9

    async def stop(self) -> None:
        """Close every connection and the port; returns when all of it is gone."""
        if self._server is None:
            return
        self._server.close()
        tasks = list(self._connections.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self, reader, writer)
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("connections are served in tasks")
        self._connections[connection] = task
        try:
            await connection.serve()
        except asyncio.CancelledError:
            _log.debug("Closed a simulated camera's connection", action="camera_closed")
        finally:
            self._connections.pop(connection, None)


def run(
    mounts: Mapping[str, Path],
    *,
    host: str = LOOPBACK,
    port: int = 0,
    loop: bool = False,
    on_end: Literal["hold", "close"] = "close",
    play_from_ns: int | None = None,
    on_ready: Callable[[RtspServer], object] = lambda _: None,
) -> None:
    """Serve until SIGTERM or SIGINT; the body of a process.

    Args:
        mounts: path in the url → H.264 film.
        host: address to listen on.
        port: 0 takes a free one.
        loop: repeat the films.
        on_end: see `RtspServer`.
        play_from_ns: wall time of the first pictures; None starts now.
        on_ready: called once connections are taken.
    """
    server = RtspServer(mounts, host, port, loop=loop, on_end=on_end)
    if play_from_ns is not None:
        server.play_from(play_from_ns)
    asyncio.run(_run(server, on_ready))


async def _run(server: RtspServer, on_ready: Callable[[RtspServer], object]) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await server.start()
    _log.info(
        "Simulated cameras are ready",
        action="cameras_ready",
        urls=[server.url(name) for name in server.films],
    )
    on_ready(server)
    await stopping.wait()
    await server.stop()
