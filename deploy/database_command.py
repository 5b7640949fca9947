"""Bodies of `facepose db …`."""

from __future__ import annotations

import datetime as dt

from rich.console import Console

from schemas.database import create_engine, upgrade
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
