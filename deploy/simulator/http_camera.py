"""A simulated camera that speaks HTTP: MJPEG at /video.mjpg, HLS at /live.m3u8 and /film.m3u8."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

import structlog

from deploy.simulator.hls import HlsFilm
from deploy.simulator.listener import Listener
from deploy.simulator.mjpeg import BOUNDARY, load_jpegs
from deploy.simulator.rtsp_film import load_film
from deploy.simulator.rtsp_login import Login
from deploy.simulator.tls import self_signed_context

_PLAYLIST: Final = "application/vnd.apple.mpegurl"

_log = structlog.get_logger(__name__)


class HttpCamera:
    """Serves one film, repeated for ever.

    Args:
        path: H.264 or H.265 film.
        host: address to listen on.
        login: who may see it; None: anyone.
        tls: speak inside TLS, with a certificate signed by nobody.

    Raises:
        FilmError: the film cannot be served.
    """

    def __init__(
        self,
        path: Path,
        host: str = "127.0.0.1",
        *,
        login: Login | None = None,
        tls: bool = False,
    ) -> None:
        self._hls = HlsFilm(load_film(path))
        self._jpegs = load_jpegs(path)
        self._login = login
        self._scheme = "https" if tls else "http"
        self._listener = Listener(host, 0, self_signed_context(host) if tls else None)
        self._started_s = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    def url(self, name: str, *, with_login: bool = False) -> str:
        """The url of a path; with user and password where asked for."""
        login = self._login.in_url if with_login and self._login else ""
        return f"{self._scheme}://{login}{self._listener.host}:{self._listener.port}/{name}"

    async def start(self) -> None:
        """Listen; the film starts now."""
        self._started_s = time.monotonic()
        await self._listener.open(self._serve)

    async def stop(self) -> None:
        """Close every connection and the port."""
        self._listener.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._listener.release()

    def _position_s(self) -> float:
        return time.monotonic() - self._started_s

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("connections are served in tasks")
        self._tasks.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            await self._answer(head.decode("utf-8", "replace"), writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as exc:
            _log.debug("A client left", action="client_left", reason=str(exc))
        except asyncio.CancelledError:
            _log.debug("Closed a simulated camera's connection", action="camera_closed")
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, head: str, writer: asyncio.StreamWriter) -> None:
        first, *lines = head.strip().split("\r\n")
        method, _, rest = first.partition(" ")
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if self._login and not self._login.admits(method, headers.get("authorization", "")):
            challenge = f"WWW-Authenticate: {self._login.challenge}"
            writer.write(_answer("401 Unauthorized", "text/plain", b"no", challenge))
            return
        name = rest.partition(" ")[0].partition("?")[0].strip("/")
        if name == "video.mjpg":
            await self._send_pictures(writer)
        else:
            writer.write(self._file(name))

    async def _send_pictures(self, writer: asyncio.StreamWriter) -> None:
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode())
        async for part in self._jpegs.parts(self._position_s):
            writer.write(part)
            await writer.drain()

    def _file(self, name: str) -> bytes:
        number = name.removesuffix(".ts")
        if name == "live.m3u8":
            return _answer("200 OK", _PLAYLIST, self._hls.live(self._position_s()).encode())
        if name == "film.m3u8":
            return _answer("200 OK", _PLAYLIST, self._hls.recording().encode())
        if name.endswith(".ts") and number.isascii() and number.isdigit() and len(number) < 9:
            return _answer("200 OK", "video/mp2t", self._hls.segment(int(number)))
        return _answer("404 Not Found", "text/plain", b"no such path")


def _answer(status: str, kind: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += ["Connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body
