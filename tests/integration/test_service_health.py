"""Health of services that are no ingest: the aggregator as a command, which needs two servers."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.database import create_engine, upgrade
from schemas.site_file import load_site
from schemas.sync import sync_site
from tests.fixtures_worker import LocalValkey
from tests.integration.ingest_process import ROOT, SITE, free_port, get_page
from tests.integration.running_ingest import wait_for


@pytest.fixture
def valkey() -> Iterator[LocalValkey]:
    with LocalValkey() as server:
        yield server


@pytest.fixture
def site_path(tmp_path: Path, database_url: str) -> Path:
    """A site that the database knows."""
    path = tmp_path / "site.yaml"
    path.write_text(SITE + "      - {id: c1, url: film.mp4}\n")
    now = dt.datetime.now(dt.UTC)
    upgrade(database_url, now=now)
    engine = create_engine(database_url)
    sync_site(engine, load_site(path), at=now)
    engine.dispose()
    return path


@pytest.mark.slow
def test_an_aggregator_without_its_log_is_alive_and_not_ready(
    site_path: Path, database_url: str, valkey: LocalValkey
) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy", "aggregator", str(site_path)],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": database_url,
            "REDIS_URL": valkey.url,
            "FACEPOSE_METRICS_PORT": str(port),
        },
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: get_page(port, "/readyz") == (200, "ready\n"), "readiness")
        assert "facepose_aggregator_ready 1.0" in get_page(port, "/metrics")[1]
        valkey.stop()
        wait_for(lambda: get_page(port, "/readyz")[0] == 503, "the server to be missed")
        assert get_page(port, "/healthz") == (200, "alive\n")
        valkey.start()
        wait_for(lambda: get_page(port, "/readyz")[0] == 200, "readiness again")
    finally:
        process.terminate()
    assert process.wait(30) == 0
