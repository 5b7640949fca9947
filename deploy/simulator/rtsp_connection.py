"""One client of a simulated camera: its requests, and the film it plays.

States: fresh → SETUP → ready → PLAY → playing → TEARDOWN, end of film or too slow → closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Mapping
from typing import Final, Protocol

import structlog

from deploy.simulator.rtp_muxer import RtpMuxer
from deploy.simulator.rtsp_film import Film, OnEnd
from deploy.simulator.rtsp_protocol import (
    ProtocolError,
    Request,
    answer,
    describe,
    interleave,
    interleaved_channel,
    read_request,
)

METHODS: Final = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"
# a client that is this far behind is dropped: a camera does not keep the past either
MAX_UNSENT_BYTES: Final = 4 * 1024 * 1024

_log = structlog.get_logger(__name__)


class Cameras(Protocol):
    """What a connection needs of its server."""

    films: dict[str, Film]
    on_end: OnEnd

    @property
    def started_at_ns(self) -> int:
        """Wall time of the first pictures."""

    def position_s(self) -> float:
        """Seconds since the first pictures."""


class Connection:
    """Serves one client until it leaves.

    Args:
        cameras: the films and their clock.
        reader: from the client.
        writer: to the client.
    """

    def __init__(
        self, cameras: Cameras, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._cameras = cameras
        self._reader = reader
        self._writer = writer
        self._session = secrets.token_hex(8)
        self._channel: int | None = None
        self._player: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Answer requests until the client goes, tears down, is too slow, or the film ends."""
        requests = asyncio.create_task(self._answer_requests())
        try:
            await requests
        finally:
            requests.cancel()
            self._writer.transport.abort()  # before any wait: the server may cancel us there
            if self._player is not None:
                self._player.cancel()
                await asyncio.gather(self._player, return_exceptions=True)
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()  # until the socket is really gone

    async def _answer_requests(self) -> None:
        try:
            while await self._answer(await read_request(self._reader)):
                await self._writer.drain()
            await self._writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, ProtocolError) as exc:
            _log.debug("A client left", action="client_left", reason=str(exc))

    async def _answer(self, request: Request) -> bool:
        """Answer one request; whether the connection goes on."""
        match request.method:
            case "OPTIONS":
                self._reply(request, 200, {"Public": METHODS})
            case "DESCRIBE":
                self._describe(request)
            case "SETUP":
                self._set_up(request)
            case "PLAY":
                self._play(request)
            case "GET_PARAMETER":
                self._reply(request, 200, self._session_header())
            case "TEARDOWN":
                self._reply(request, 200, self._session_header())
                return False
            case _:
                self._reply(request, 501, {"Public": METHODS})
        return True

    def _describe(self, request: Request) -> None:
        film = self._cameras.films.get(request.mount)
        if film is None:
            self._reply(request, 404)
        elif film.is_over(self._cameras.position_s(), self._cameras.on_end):
            self._reply(request, 503)
        else:
            base = request.url.rstrip("/") + "/"
            headers = {"Content-Base": base, "Content-Type": "application/sdp"}
            self._reply(request, 200, headers, describe(film))

    def _set_up(self, request: Request) -> None:
        channel = interleaved_channel(request.headers.get("transport", ""))
        if request.mount not in self._cameras.films:
            self._reply(request, 404)
        elif self._player is not None:
            self._reply(request, 455)
        elif channel is None:
            self._reply(request, 461)
        else:
            self._channel = channel
            transport = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"
            self._reply(request, 200, {"Transport": transport, **self._session_header()})

    def _play(self, request: Request) -> None:
        film = self._cameras.films.get(request.mount)
        if film is None:
            self._reply(request, 404)
        elif self._channel is None:
            self._reply(request, 455)
        else:
            self._reply(request, 200, {"Range": "npt=now-", **self._session_header()})
            if self._player is None:
                self._player = asyncio.create_task(self._send_film(film, self._channel))

    async def _send_film(self, film: Film, channel: int) -> None:
        """Send each picture when it is due; close the connection after the last."""
        muxer = RtpMuxer(film, self._cameras.started_at_ns)
        try:
            for unit in film.schedule(self._cameras.position_s(), self._cameras.on_end):
                await asyncio.sleep(max(0.0, unit.due_s - self._cameras.position_s()))
                self._send(muxer.packets(unit), channel)
                if self._writer.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
                    _log.warning("Dropped a client that reads too slowly", action="client_dropped")
                    self._writer.transport.abort()
                    return
            await self._writer.drain()
            self._writer.close()
        except ConnectionError as exc:
            _log.debug("A client left", action="client_left", reason=str(exc))
        finally:
            muxer.close()

    def _send(self, packets: list[tuple[bool, bytes]], channel: int) -> None:
        self._writer.write(b"".join(interleave(channel + rtcp, packet) for rtcp, packet in packets))

    def _session_header(self) -> dict[str, str]:
        return {"Session": f"{self._session};timeout=60"}

    def _reply(
        self,
        request: Request,
        status: int,
        headers: Mapping[str, str] | None = None,
        body: str = "",
    ) -> None:
        self._writer.write(answer(request, status, headers, body))
