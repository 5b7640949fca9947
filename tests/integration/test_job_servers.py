"""A job's servers: those that are set, those that run in the state folder already, or its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from deploy.local.errors import AlreadyRunningError
from deploy.local.job_servers import job_servers
from deploy.local.servers import FolderLock
from deploy.local.stack import running_servers
from schemas.settings import Settings

URLS = {
    "DATABASE_URL": "postgresql://u:p@db.invalid/x",
    "FRAMES_URL": "redis://frames.invalid",
    "FACES_URL": "redis://faces.invalid",
}


@pytest.fixture(autouse=True)
def no_servers_are_set(monkeypatch):
    for name in (*URLS, "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "urls", [URLS, {"DATABASE_URL": URLS["DATABASE_URL"], "REDIS_URL": "redis://both.invalid"}]
)
def test_servers_that_are_set_need_no_state_folder(state_folder: Path, urls):
    with job_servers(state_folder, Settings(**urls), 1) as servers:
        assert servers.settings == Settings(**urls)
        assert servers.caretaker is None
    assert not state_folder.exists()


def test_servers_that_run_in_the_state_folder_are_used_and_left_running(state_folder: Path):
    with running_servers(state_folder, Settings(), 1) as up:
        with job_servers(state_folder, Settings(), 1) as servers:
            assert servers.environment == up.environment
            assert servers.caretaker is None  # their own process looks after them
        for url in (up.settings.require_frames_url(), up.settings.require_faces_url()):
            with redis.Redis.from_url(url) as client:
                assert client.ping()


def test_where_none_run_the_job_starts_them_and_stops_them(state_folder: Path):
    with job_servers(state_folder, Settings(DATABASE_URL=URLS["DATABASE_URL"]), 1) as servers:
        url = servers.settings.require_faces_url()
        with redis.Redis.from_url(url) as client:
            assert client.ping()
    with redis.Redis.from_url(url) as client, pytest.raises(redis.ConnectionError):
        client.ping()


def test_a_folder_that_is_taken_but_has_no_servers_is_told(state_folder: Path):
    with (
        FolderLock(state_folder),
        pytest.raises(AlreadyRunningError, match="already running in"),
        job_servers(state_folder, Settings(), 1),
    ):
        pass
