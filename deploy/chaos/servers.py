"""The three embedded servers of a chaos run, of its own: nobody else's is ever killed."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil
from pydantic import SecretStr

from deploy.chaos.errors import ChaosError
from deploy.local.caretaker import Caretaker
from deploy.local.embedded_server import EmbeddedServer
from deploy.local.servers import EmbeddedPostgres, EmbeddedValkey
from deploy.local.stack import Servers
from schemas.settings import Settings

_MEMORY_MB: Final = 256
_GONE_AFTER_S: Final = 10.0


class ChaosServers:
    """Starts them in `folder`, starts again what was killed; use it as a context manager.

    Args:
        folder: of the servers' files.
        settings: of this process; urls in it are not used.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.frames = EmbeddedValkey(folder / "frames", persistent=False, maxmemory_mb=_MEMORY_MB)
        self.faces = EmbeddedValkey(folder / "faces", persistent=True, maxmemory_mb=_MEMORY_MB)
        self.postgres = EmbeddedPostgres(folder / "postgres")
        self._folder = folder
        self._settings = settings

    def __enter__(self) -> Self:
        try:
            urls = {server: server.start() for server in self._all}
        except BaseException:
            self._stop()
            raise
        self._caretaker = Caretaker(urls)
        named = {
            "frames_url": SecretStr(urls[self.frames]),
            "faces_url": SecretStr(urls[self.faces]),
            "database_url": SecretStr(urls[self.postgres]),
        }
        self.known = Servers(self._settings.model_copy(update=named), tuple(named), self._folder)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def look(self) -> None:
        """Start again what died. Raises: LocalError: it does not start again."""
        self._caretaker.look()

    @property
    def _all(self) -> tuple[EmbeddedServer, ...]:
        return self.frames, self.faces, self.postgres

    def _stop(self) -> None:
        for server in self._all:
            server.stop()


def kill_server(server: EmbeddedServer, *, with_children: bool) -> None:
    """End a server by kill -9.

    PostgreSQL's own processes notice its end by themselves, unless they are killed with it.

    Raises:
        ChaosError: it survived.
    """
    if server.pid is None:
        return
    victims = [psutil.Process(server.pid)]
    if with_children:
        victims += victims[0].children(recursive=True)
    for victim in victims:
        with suppress(ProcessLookupError):
            os.kill(victim.pid, signal.SIGKILL)
    deadline_s = time.monotonic() + _GONE_AFTER_S
    while server.is_running():
        if time.monotonic() > deadline_s:
            raise ChaosError(f"the server in {server.folder} survived kill -9")
        time.sleep(0.01)
