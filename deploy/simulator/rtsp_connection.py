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

from deploy.simulator.rtsp_login import Login
from deploy.simulator.rtsp_player import Cameras, Player
from deploy.simulator.rtsp_protocol import ProtocolError, Request, answer, read_request
from deploy.simulator.rtsp_udp import open_udp_wire
from deploy.simulator.rtsp_wire import TcpWire, Wire, client_port, interleaved_channel
from deploy.simulator.sdp import describe

METHODS: Final = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"
_FREE_METHODS: Final = frozenset({"OPTIONS", "GET_PARAMETER", "TEARDOWN"})  # need no password

_log = structlog.get_logger(__name__)


class GuardedCameras(Cameras, Protocol):
    """What a connection needs of its server."""

    @property
    def logins(self) -> Mapping[str, Login]:
        """Who may see which mount; the others are open."""

    def note(self, what: str, mount: str) -> None:
        """A client's request came, or the client left."""

    async def until_answered(self, method: str) -> None:
        """Wait while the cameras' fault is not to answer this."""


class Connection:
    """Serves one client until it leaves.

    Args:
        cameras: the films, their clock and their faults.
        reader: from the client.
        writer: to the client.
    """

    def __init__(
        self, cameras: GuardedCameras, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._cameras = cameras
        self._reader = reader
        self._writer = writer
        self._session = secrets.token_hex(8)
        self._wire: Wire | None = None
        self._player: asyncio.Task[None] | None = None
        self._mount = ""

    async def serve(self) -> None:
        """Answer requests until the client goes, tears down, is too slow, or the film ends."""
        requests = asyncio.create_task(self._answer_requests())
        try:
            await requests
        finally:
            self._cameras.note("left", self._mount)
            requests.cancel()
            # All of it before any wait: the server may cancel us there.
            self._writer.transport.abort()
            if self._player is not None:
                self._player.cancel()
            if self._wire is not None:
                self._wire.close()
            if self._player is not None:
                await asyncio.gather(self._player, return_exceptions=True)
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()  # until the socket is really gone

    async def _answer_requests(self) -> None:
        try:
            while True:
                request = await read_request(self._reader)
                self._mount = request.mount
                self._cameras.note(request.method, self._mount)
                await self._cameras.until_answered(request.method)
                goes_on = await self._answer(request)
                await self._writer.drain()
                if not goes_on:
                    return
        except (OSError, asyncio.IncompleteReadError, ProtocolError) as exc:
            _log.debug("A client left", action="client_left", reason=str(exc))

    async def _answer(self, request: Request) -> bool:
        """Answer one request; whether the connection goes on."""
        login = self._cameras.logins.get(request.mount)
        if login is not None and not self._admits(login, request):
            self._reply(request, 401, {"WWW-Authenticate": login.challenge})
            return True
        match request.method:
            case "OPTIONS":
                self._reply(request, 200, {"Public": METHODS})
            case "DESCRIBE":
                self._describe(request)
            case "SETUP":
                await self._set_up(request)
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

    def _admits(self, login: Login, request: Request) -> bool:
        given = request.headers.get("authorization", "")
        return request.method in _FREE_METHODS or login.admits(request.method, given)

    def _describe(self, request: Request) -> None:
        film = self._cameras.films.get(request.mount)
        status = self._cameras.fault.status
        if film is None:
            self._reply(request, 404)
        elif status == 401:
            challenge = self._cameras.logins.get(request.mount, Login("", "")).challenge
            self._reply(request, 401, {"WWW-Authenticate": challenge})
        elif status:
            self._reply(request, status)
        elif film.is_over(self._cameras.position_s(), self._cameras.on_end):
            self._reply(request, 503)
        else:
            base = request.url.rstrip("/") + "/"
            headers = {"Content-Base": base, "Content-Type": "application/sdp"}
            self._reply(request, 200, headers, describe(film))

    async def _set_up(self, request: Request) -> None:
        if request.mount not in self._cameras.films:
            self._reply(request, 404)
            return
        if self._player is not None:
            self._reply(request, 455)
            return
        if self._wire is not None:
            self._wire.close()
        self._wire = await self._open_wire(request.headers.get("transport", ""))
        if self._wire is None:
            self._reply(request, 461)
        else:
            self._reply(request, 200, {"Transport": self._wire.transport, **self._session_header()})

    async def _open_wire(self, transport: str) -> Wire | None:
        """What the client asks for; None when it asks for something else."""
        channel, port = interleaved_channel(transport), client_port(transport)
        if channel is not None:
            return TcpWire(self._writer, channel)
        if port is not None:
            own_host = self._writer.get_extra_info("sockname")[0]
            client_host = self._writer.get_extra_info("peername")[0]
            return await open_udp_wire(own_host, (client_host, port))
        return None

    def _play(self, request: Request) -> None:
        if request.mount not in self._cameras.films:
            self._reply(request, 404)
        elif self._wire is None:
            self._reply(request, 455)
        else:
            self._reply(request, 200, {"Range": "npt=now-", **self._session_header()})
            if self._player is None:
                self._player = asyncio.create_task(self._send_film(request.mount, self._wire))

    async def _send_film(self, mount: str, wire: Wire) -> None:
        """Play; the connection ends with the film, or with a client that reads too slowly."""
        try:
            keeps_up = await Player(self._cameras, mount, wire).play()
        except OSError as exc:
            _log.debug("A client left", action="client_left", reason=str(exc))
            return
        if not keeps_up:
            _log.warning("Dropped a client that reads too slowly", action="client_dropped")
            self._writer.transport.abort()
        self._writer.close()

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
