"""A numbered film in a simulated camera, and a client that runs beside it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from deploy.simulator.rtsp_server import RtspServer
from tests.fixtures_cameras import numbered_film

FPS = 20
FRAMES = 30


def make_film(path: Path, codec: str = "libx264", b_frames: int = 0) -> Path:
    """A film whose pictures tell their own number, a key picture every 10."""
    return numbered_film(path, codec, pictures=FRAMES, fps=FPS, b_frames=b_frames)


def serve(film: Path, client, *, mounts=("door",), **options):
    """What `client(server)` returns, run in a thread beside a server."""

    async def both():
        server = RtspServer(dict.fromkeys(mounts, film), **options)
        await server.start()
        try:
            return await client(server)
        finally:
            await server.stop()
            assert server.clients == 0

    return asyncio.run(both())
