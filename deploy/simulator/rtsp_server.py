"""Simulated cameras: films served over RTSP in real time, as live cameras; good ones and broken.

All mounts play by one clock: a client that joins late gets what every other client sees now.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

import structlog

from deploy.simulator.fault import HEALTHY, Change, Fault
from deploy.simulator.line import Line
from deploy.simulator.listener import Listener
from deploy.simulator.rtsp_connection import Connection
from deploy.simulator.rtsp_film import Film, OnEnd, load_film
from deploy.simulator.rtsp_login import Login
from deploy.simulator.tls import self_signed_context

LOOPBACK: Final = "127.0.0.1"
JOURNAL_ENTRIES: Final = 1000
_NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})

_log = structlog.get_logger(__name__)


class JournalEntry(NamedTuple):
    """What a client did.

    Attributes:
        at_s: Unix time.
        what: its request's method; "left" when it had gone.
        mount: what it asked for.
    """

    at_s: float
    what: str
    mount: str


class RtspServer:
    """Serves one film for each mount, over TCP or UDP as each client asks.

    Args:
        mounts: path in the url → H.264 or H.265 film.
        host: address to listen on.
        port: 0 takes a free one.
        loop: repeat the film for ever with continuous time stamps.
        on_end: without `loop`, what comes after the last picture: the connection is closed, or
            the last picture held.
        logins: path in the url → who may see it; the others are open.
        others: what every film becomes by faults of that kind.
        line: the network's jitter and loss.
        tls: speak RTSP inside TLS, with a certificate signed by nobody.

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
        logins: Mapping[str, Login] = _NOTHING,
        others: Mapping[Change, Path] = _NOTHING,
        line: Line = Line(),  # noqa: B008  frozen
        tls: bool = False,
    ) -> None:
        self.on_end: OnEnd = "loop" if loop else on_end
        self.films: dict[str, Film] = {
            name.strip("/"): load_film(path, with_still=self.on_end == "hold")
            for name, path in mounts.items()
        }
        self.logins = {name.strip("/"): login for name, login in logins.items()}
        self.line = line
        self._usual_films = self.films
        self._others = {change: load_film(path) for change, path in others.items()}
        self._listener = Listener(host, port, self_signed_context(host) if tls else None)
        self._tls = tls
        self._fault = HEALTHY
        self._fault_number = 0
        self._fault_began_s = 0.0
        self._healed = asyncio.Event()
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._started_at_ns: int | None = None
        self.journal: deque[JournalEntry] = deque(maxlen=JOURNAL_ENTRIES)

    @property
    def started_at_ns(self) -> int:
        """Wall time of every film's first picture, Unix time in nanoseconds."""
        if self._started_at_ns is None:
            raise RuntimeError("the server has not been started")
        return self._started_at_ns

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._listener.port

    @property
    def clients(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    @property
    def fault(self) -> Fault:
        """What the cameras do wrong now."""
        return self._fault

    @property
    def fault_number(self) -> int:
        """How many faults have begun."""
        return self._fault_number

    def url(self, name: str, *, with_login: bool = False) -> str:
        """The url of one mount; with user and password where asked for."""
        mount = name.strip("/")
        login = self.logins[mount].in_url if with_login else ""
        scheme = "rtsps" if self._tls else "rtsp"
        return f"{scheme}://{login}{self._listener.host}:{self.port}/{mount}"

    async def start(self) -> None:
        """Listen; the films start now unless `play_from` told another time."""
        await self._listener.open(self._serve)
        if self._started_at_ns is None:
            self._started_at_ns = time.time_ns()

    async def begin(self, fault: Fault) -> None:
        """From now on every camera has this fault.

        Raises:
            KeyError: the fault needs one of `others` that was not given.
        """
        if fault.becomes:
            self.films = dict.fromkeys(self._usual_films, self._others[fault.becomes])
        self._fault, self._fault_number = fault, self._fault_number + 1
        self._fault_began_s = self.position_s()
        self._healed.clear()
        if fault.closes_port:
            self._listener.close()
        if fault.drops:
            self.drop_clients()

    async def heal(self) -> None:
        """The cameras work again; they answer what they were asked in the meantime."""
        healed, self._fault = self._fault, HEALTHY
        self._healed.set()
        self.films = self._usual_films
        if healed.closes_port:
            await self._listener.open(self._serve)
        if healed.becomes and healed.drops:
            self.drop_clients()

    def frozen_picture(self, mount: str) -> bytes:
        """What a mount shows since its fault began, where the picture stands still."""
        return self.films[mount].key_picture(self._fault_began_s)

    def note(self, what: str, mount: str) -> None:
        """A client's request came, or the client left."""
        self.journal.append(JournalEntry(time.time(), what, mount))

    async def until_answered(self, method: str) -> None:
        """Wait while the cameras' fault is not to answer this."""
        while method in self._fault.silent_at:
            await self._healed.wait()

    def drop_clients(self) -> None:
        """End every connection, as a camera that restarts its stream."""
        for task in self._connections.values():
            task.cancel()

    def play_from(self, wall_time_ns: int) -> None:
        """Let all films start (again) at this time, which may lie ahead; clients must reconnect.

        Readers with a time-out of some seconds give up on a start that lies further ahead.
        """
        self._started_at_ns = wall_time_ns
        self.drop_clients()

    def position_s(self) -> float:
        """Seconds since the first picture, below 0 before the start."""
        return (time.time_ns() - self.started_at_ns) / 1e9

    async def stop(self) -> None:
        """Close every connection and the port; returns when all of it is gone."""
        self._listener.close()
        tasks = list(self._connections.values())
        self.drop_clients()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._listener.release()

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
