"""Looks after the embedded servers: starts again what died, keeps the append-only file short."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

import redis
import structlog

from deploy.local.embedded_server import EmbeddedServer
from deploy.local.errors import ServerStartError
from schemas.transport import connect

log = structlog.get_logger()

# A quiet school's file would not reach the size at which Valkey rewrites it, and would keep
# observations for weeks that the log itself has trimmed after an hour.
REWRITE_EVERY_S: Final = 3600.0
RETRY_REWRITE_S: Final = 60.0


class Caretaker:
    """Watches the servers that were started here; not thread-safe.

    Args:
        servers: the embedded servers, running, and the url that each gave at its start.
        faces_url: the embedded observations server, None when it is somebody else's.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        servers: Mapping[EmbeddedServer, str],
        faces_url: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._servers = servers
        self._faces = None if faces_url is None else connect(faces_url)
        self._clock = clock
        self._rewrite_at_s = clock() + REWRITE_EVERY_S

    def look(self) -> None:
        """Do what is due; call it about every second.

        Raises:
            LocalError: a server that died does not start again; its text says what to do.
        """
        for server, url in self._servers.items():
            if not server.is_running():
                _start_again(server, url)
        if self._faces is not None and self._clock() >= self._rewrite_at_s:
            done = _rewrite(self._faces)
            self._rewrite_at_s = self._clock() + (REWRITE_EVERY_S if done else RETRY_REWRITE_S)


def _start_again(server: EmbeddedServer, url: str) -> None:
    """Start a server that died; it takes its old port, and so keeps its url."""
    log.warning(
        f"the server in {server.folder} died; it is started again (its log is there)",
        action="server_died",
        folder=str(server.folder),
    )
    server.stop()
    if server.start() != url:
        raise ServerStartError(
            f"the server in {server.folder} died, and another program has taken its port "
            "meanwhile: stop this program and start it again"
        )


def _rewrite(client: redis.Redis) -> bool:
    """Have the append-only file written anew; False when the server is away or busy with it."""
    try:
        client.bgrewriteaof()
    except redis.RedisError as exc:
        log.warning(f"the append-only file was not rewritten: {exc}", action="rewrite_failed")
        return False
    return True
