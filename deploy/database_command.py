"""Bodies of `facepose db …`."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from rich.console import Console

from deploy.embedded_database import opened_database
from deploy.local.postgres import program
from schemas.database import create_engine, upgrade
from schemas.settings import Settings, plain_database_url
from schemas.site import Site
from schemas.sync import sync_site


def upgrade_database(url: str, console: Console) -> None:
    """Bring the tables to this program's version and say from which to which."""
    done = upgrade(url, now=dt.datetime.now(dt.UTC), progress=console.print)
    if not done:
        console.print("The tables are up to date.")


def sync_database(url: str, site: Site, dry_run: bool, console: Console) -> None:
    """Bring the site file into the tables and print each change."""
    engine = create_engine(url, pooled=False)
    report = sync_site(engine, site, at=dt.datetime.now(dt.UTC), dry_run=dry_run)
    console.print(report.text(), highlight=False)


def open_shell(settings: Settings, state: Path | None, arguments: Sequence[str]) -> int:
    """Run psql on DATABASE_URL, or on the embedded database in `state`; psql's exit status.

    Raises:
        LocalError: there is no embedded database there.
    """
    with opened_database(settings, state) as url:
        return _psql(url, arguments)


def _psql(url: str, arguments: Sequence[str]) -> int:
    # The url stands in the environment, not in the command line, which every user can read.
    environment = {**os.environ, "PGSERVICEFILE": os.devnull, **_connection(url)}
    return subprocess.run([program("psql"), *arguments], env=environment, check=False).returncode


def _connection(url: str) -> dict[str, str]:
    """Libpq's environment variables for `url`."""
    parts = urlsplit(plain_database_url(url))
    values = {
        "PGHOST": parts.hostname,
        "PGPORT": str(parts.port) if parts.port else None,
        "PGUSER": unquote(parts.username or "") or None,
        "PGPASSWORD": unquote(parts.password or "") or None,
        "PGDATABASE": unquote(parts.path.lstrip("/")) or None,
    }
    return {name: value for name, value in values.items() if value is not None}
