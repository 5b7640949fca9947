"""Simulated cameras that never leave their readers in peace: each ends its connections for ever."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

import av
import numpy as np

from deploy.simulator.faults import fault_named
from deploy.simulator.rtsp_server import RtspServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# What ends the connections, in a school: mostly the network, now and then the camera itself.
EVENTS: Final = (
    *["drops"] * 14,
    *["refused"] * 2,
    *["unauthorized"] * 2,
    "busy",
    "never-answers",
    "stalls",
)
SILENT: Final = frozenset({"never-answers", "stalls"})  # until the reader gives up
LASTS_S: Final = 0.2
PEACE_S: Final = (
    0.2,
    2.0,
)  # pictures come after 1 s or so: some connections end before, some after
_MOUNT: Final = "camera"
_FPS: Final = 50  # FFmpeg looks at 20 pictures before it is ready
_FILM_S: Final = 2
_GOP: Final = 10
_SIZE: Final = (640, 360)


class RestlessCamera:
    """One camera and its misfortunes, which `seed` decides."""

    def __init__(self, film: Path, seed: int) -> None:
        self.server = RtspServer({_MOUNT: film}, loop=True)
        self._rng = random.Random(seed)  # noqa: S311  no secret

    @property
    def url(self) -> str:
        """Where it is, once it was started."""
        return self.server.url(_MOUNT)

    async def trouble(self) -> None:
        """End one connection after the other until cancelled."""
        while True:
            while not self.server.clients:
                await asyncio.sleep(0.02)
            await asyncio.sleep(self._rng.uniform(*PEACE_S))
            name = self._rng.choice(EVENTS)
            await self.server.begin(fault_named(name))
            if name in SILENT:
                await self._until_nobody_waits()
            elif name != "drops":
                await asyncio.sleep(LASTS_S)
            await self.server.heal()

    async def _until_nobody_waits(self) -> None:
        while self.server.clients:
            await asyncio.sleep(0.02)


@asynccontextmanager
async def restless_cameras(count: int, folder: Path) -> AsyncIterator[list[RestlessCamera]]:
    """So many cameras, listening and at peace; their film is written into `folder`."""
    film = await asyncio.to_thread(_write_film, folder / "film.mp4")
    cameras = [RestlessCamera(film, seed) for seed in range(count)]
    for camera in cameras:
        await camera.server.start()
    try:
        yield cameras
    finally:
        for camera in cameras:
            await camera.server.stop()


def _write_film(path: Path) -> Path:
    options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(_GOP), "threads": "1"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=_FPS, options=options)
        stream.width, stream.height = _SIZE
        stream.pix_fmt = "yuv420p"
        for index, grey in enumerate(_pictures()):
            frame = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, _FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _pictures() -> Iterator[np.typing.NDArray[np.uint8]]:
    """No two are alike."""
    width, height = _SIZE
    noise = np.random.default_rng(3).integers(60, 200, (height // 8, width // 8))
    picture = np.kron(noise, np.ones((8, 8))).astype(np.uint8)
    for index in range(_FILM_S * _FPS):
        yield np.roll(picture, 4 * index, axis=1)
