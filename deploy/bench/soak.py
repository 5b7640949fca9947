"""Body of `facepose bench soak`: what a thousand forced reconnects leave behind in a process.

Simulated cameras end their connections again and again, for many reasons; readers as in service,
in a process of their own, connect again after short waits. Watched are its memory, its threads and
file descriptors, and whether a reader ever hangs.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from deploy.bench.errors import BenchError
from deploy.bench.soak_cameras import RestlessCamera, restless_cameras
from deploy.bench.soak_readers import TASK_VARIABLE, SoakSample, SoakTask
from deploy.local.valkey import EmbeddedValkey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# Until each thread's part of the heap has found its size.
WARM_UP_A_CAMERA: Final = 40
_MEMORY_MB: Final = 256
_SAYS_WITHIN_S: Final = 60.0
_MOVES_WITHIN_S: Final = 60.0
# Streams that have just come back fill the windows of their clocks, and the allocator's pages.
_SETTLES_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class SoakOptions:
    """What to do.

    Attributes:
        reconnects: connections that must end, over all cameras, when the process is warm.
        cameras: read by the one process.
        steady_s: seconds to watch without any trouble, after two minutes of it; 0: not at all.
    """

    reconnects: int
    cameras: int
    steady_s: float


@dataclass(slots=True)
class SoakRun:
    """The process before its readers, while they reconnect, while nothing happens, and after."""

    before: SoakSample
    warm_up: int = 0  # reconnects that are none of those asked for
    restless: list[SoakSample] = field(default_factory=list)
    steady: list[SoakSample] = field(default_factory=list)
    after: SoakSample | None = None


def measure(options: SoakOptions) -> SoakRun:
    """Run it.

    Raises:
        BenchError: the readers' process ended, or nothing moves any more.
        LocalError: the embedded server did not start.
    """
    with tempfile.TemporaryDirectory(prefix="facepose-bench-") as folder:
        server = EmbeddedValkey(Path(folder) / "frames", persistent=False, maxmemory_mb=_MEMORY_MB)
        url = server.start()
        try:
            return asyncio.run(_measure(options, url, Path(folder)))
        finally:
            server.stop()


async def _measure(options: SoakOptions, server_url: str, folder: Path) -> SoakRun:
    async with restless_cameras(options.cameras, folder) as cameras:
        task = SoakTask(urls=tuple(camera.url for camera in cameras), server_url=server_url)
        async with _readers(task) as process:
            run = SoakRun(await _sample(process), WARM_UP_A_CAMERA * options.cameras)
            await _reconnect(process, cameras, run.warm_up + options.reconnects, run.restless)
            if options.steady_s:
                await _stay(process, options.steady_s, run.steady)
            run.after = await _end(process)
            return run


@asynccontextmanager
async def _readers(task: SoakTask) -> AsyncIterator[Process]:
    # By the environment: the server's url holds a password.
    environment = {**os.environ, TASK_VARIABLE: msgspec.json.encode(task).decode()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy.bench.soak_readers", stdin=PIPE, stdout=PIPE, env=environment
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _reconnect(
    process: Process, cameras: Sequence[RestlessCamera], wanted: int, samples: list[SoakSample]
) -> None:
    """Until so many connections have ended."""
    troubles = [asyncio.create_task(camera.trouble()) for camera in cameras]
    newest, moved_s = 0, 0.0
    try:
        while newest < wanted:
            sample = await _sample(process)
            samples.append(sample)
            ended = sum(sample.ended.values())
            if ended > newest or not moved_s:
                newest, moved_s = ended, sample.at_s
            if sample.at_s - moved_s > _MOVES_WITHIN_S:
                raise BenchError(f"no connection has ended for {_MOVES_WITHIN_S:.0f} s")
    finally:
        for trouble in troubles:
            trouble.cancel()
        ends = await asyncio.gather(*troubles, return_exceptions=True)
    for end in ends:
        if not isinstance(end, asyncio.CancelledError):
            raise BenchError(f"a simulated camera failed: {end!r}")
    for camera in cameras:
        await camera.server.heal()


async def _stay(process: Process, seconds: float, samples: list[SoakSample]) -> None:
    """Watch readers that nobody disturbs, once all have come to rest."""
    began_s = (await _sample(process)).at_s
    while (sample := await _sample(process)).at_s - began_s < _SETTLES_S + seconds:
        if sample.at_s - began_s > _SETTLES_S:
            samples.append(sample)


async def _end(process: Process) -> SoakSample:
    if process.stdin is None:
        raise BenchError("the readers were started without an input")
    process.stdin.close()
    while not (sample := await _sample(process)).is_last:
        pass
    return sample


async def _sample(process: Process) -> SoakSample:
    """The process's next word."""
    if process.stdout is None:
        raise BenchError("the readers were started without an output")
    try:
        line = await asyncio.wait_for(process.stdout.readline(), _SAYS_WITHIN_S)
    except TimeoutError:
        raise BenchError(f"the readers have said nothing for {_SAYS_WITHIN_S:.0f} s") from None
    if not line:
        raise BenchError("the readers' process ended; its last words stand above")
    return msgspec.json.decode(line, type=SoakSample)
