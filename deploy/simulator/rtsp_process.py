"""Simulated cameras as the body of a process."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import structlog

from deploy.simulator.rtsp_server import LOOPBACK, RtspServer

_log = structlog.get_logger(__name__)


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
        mounts: path in the url → H.264 or H.265 film.
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
