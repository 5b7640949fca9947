"""A server that can be slowed down: a proxy in front of it that holds answers back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

CHUNK_BYTES = 1 << 16


class SlowProxy:
    """Passes everything on; each answer `delay_s` late.

    Attributes:
        delay_s: may be changed at any time.
    """

    def __init__(self, target_url: str) -> None:
        self._target = urlsplit(target_url)
        self.delay_s = 0.0
        self.port = 0

    @property
    def url(self) -> str:
        login, _, _ = self._target.netloc.rpartition("@")
        return f"redis://{login}@127.0.0.1:{self.port}/0"

    async def serve(self, ready: threading.Event, stopped: asyncio.Event) -> None:
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stopped.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(self._target.hostname, self._target.port)
        ways = [
            asyncio.create_task(self._copy(reader, forth, late=False)),
            asyncio.create_task(self._copy(back, writer, late=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            return  # streams would log it as an error
        finally:
            for way in ways:
                way.cancel()
            for end in (forth, writer):
                end.close()

    async def _copy(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, late: bool
    ) -> None:
        while data := await source.read(CHUNK_BYTES):
            if late:
                await asyncio.sleep(self.delay_s)
            sink.write(data)
            await sink.drain()


@contextmanager
def slow_proxy(target_url: str) -> Iterator[SlowProxy]:
    """A proxy before the server at `target_url`, in a thread of its own."""
    proxy, ready, loop = SlowProxy(target_url), threading.Event(), asyncio.new_event_loop()
    stopped = asyncio.Event()
    thread = threading.Thread(
        target=lambda: loop.run_until_complete(proxy.serve(ready, stopped)), daemon=True
    )
    thread.start()
    assert ready.wait(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(10)
        loop.close()
