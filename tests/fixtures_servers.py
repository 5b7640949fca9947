"""Real servers for the tests: the embedded ones, and Debian's Redis 7 where it is installed."""

import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from psycopg import sql

from deploy.local.servers import EmbeddedPostgres, EmbeddedValkey
from deploy.local.state_folder import choose_port

REDIS7 = "redis-server"


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """SQLAlchemy URL of an embedded PostgreSQL that lives as long as the test session."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False)
    url = server.start()
    yield url
    server.stop()


@pytest.fixture
def database_url(postgres_server: str) -> Iterator[str]:
    """SQLAlchemy URL of an empty database of this test's own."""
    name = f"test_{uuid.uuid4().hex}"
    admin = postgres_server.replace("+psycopg", "")
    base, _, _ = postgres_server.rpartition("/")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield f"{base}/{name}"
    with psycopg.connect(admin, autocommit=True) as connection:
        drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
        connection.execute(drop)


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an embedded Valkey that lives as long as the test session."""
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"), persistent=False, maxmemory_mb=256)
    url = server.start()
    yield url
    server.stop()


@pytest.fixture(scope="session")
def redis7_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of Debian's Redis 7 that lives as long as the test session."""
    if shutil.which(REDIS7) is None:
        pytest.skip("redis-server is not installed (apt-get install redis-server)")
    folder = tmp_path_factory.mktemp("redis7")
    port = choose_port(0, folder / "port")
    process = subprocess.Popen(
        [REDIS7, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    url = f"redis://127.0.0.1:{port}/0"
    _wait_for(url)
    yield url
    process.terminate()
    process.wait(10)


@pytest.fixture(params=["valkey_server", "redis7_server"])
def redis_url(request: pytest.FixtureRequest) -> str:
    """URL of an empty Redis: the test runs once on embedded Valkey and once on Redis 7."""
    url: str = request.getfixturevalue(request.param)
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture
def state_folder(tmp_path: Path) -> Path:
    """A folder that does not exist yet, as at a first start."""
    return tmp_path / "home" / ".facepose"


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 20
    with redis.Redis.from_url(url) as client:
        while time.monotonic() < deadline:
            try:
                client.ping()
            except redis.ConnectionError:
                time.sleep(0.02)
            else:
                return
    pytest.fail(f"{REDIS7} did not start")
