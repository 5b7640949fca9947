"""Bodies of `facepose db …`."""

from __future__ import annotations

import datetime as dt

from rich.console import Console

from schemas.database import create_engine, upgrade
from schemas.site import Site
from schemas.sync import sync_site


def upgrade_database(url: str, console: Console) -> None:
    """Bring the tables to this program's version and say from which to which."""
    report = upgrade(url)
    console.print(str(report), highlight=False)


def sync_database(url: str, site: Site, dry_run: bool, console: Console) -> None:
    """Bring the site file into the tables and print each change."""
    engine = create_engine(url)
    report = sync_site(engine, site, at=dt.datetime.now(dt.UTC), dry_run=dry_run)
    for line in report.lines:
        console.print(line, highlight=False)
    console.print(report.headline, highlight=False)
