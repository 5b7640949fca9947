"""A Valkey that a test can stop and start again, empty; a worker process that it can kill."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from prometheus_client import CollectorRegistry

from deploy.local.valkey import EmbeddedValkey
from schemas.settings import Settings
from schemas.site_file import parse_site
from tests.fixtures_analyzer import StandInAnalyzer
from workers.metrics import WorkerMetrics
from workers.runner import run_worker


class LocalValkey:
    """One server on 127.0.0.1 without persistence; started again, it has the same url."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="valkey-")
        self._server = EmbeddedValkey(Path(self._folder.name), persistent=False)
        self.url = ""

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def start(self) -> None:
        self.url = self._server.start()

    def stop(self) -> None:
        self._server.stop()

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
        self._folder.cleanup()


def work_without_ever_finishing(site_text: str, frames_url: str, faces_url: str) -> None:
    """Body of a worker process that takes frames and hangs in the analysis until it is killed."""
    run_worker(
        parse_site(site_text),
        Settings(frames_url=frames_url, faces_url=faces_url, frames_kept_s=60, max_age_s=30),
        analyzer=StandInAnalyzer(before=lambda images: threading.Event().wait()),
        stop=threading.Event(),
        metrics=WorkerMetrics(CollectorRegistry()),
    )
