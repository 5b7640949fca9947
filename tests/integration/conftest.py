"""A school with rosters in a database of a test's own, for the tests of imports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.fresh_database import fresh_database
from tests.integration.rostered_school import RosteredSchool


@pytest.fixture(scope="module")
def synced_database(postgres_server: str) -> Iterator[str]:
    """A synced database to copy: migrating one for each test would take longer than they do."""
    with fresh_database(postgres_server) as url:
        RosteredSchool(url, Path()).engine.dispose()
        yield url


@pytest.fixture
def rostered_school(
    postgres_server: str, synced_database: str, tmp_path: Path
) -> Iterator[RosteredSchool]:
    """A synced school whose roster nobody has imported yet."""
    with fresh_database(postgres_server, like=synced_database) as url:
        yield RosteredSchool(url, tmp_path)
