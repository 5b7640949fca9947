"""Bodies of `facepose roster …`."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import Engine

from deploy.embedded_database import opened_database
from deploy.local.stack import state_folder
from deploy.roster.importing import ImportOptions, import_roster, site_number
from deploy.roster.listing import class_table, classes_table, pseudonym_of
from deploy.roster.rekey import rekey
from deploy.roster.seating import import_seating
from schemas.database import connect, create_engine, require_migrated
from schemas.settings import Settings
from schemas.site import Site
from schemas.vault import new_key, vault_of, vault_of_file

_BARS: Final = ("read", "written", "sealed")


@contextmanager
def database_of(site_path: Path, settings: Settings) -> Iterator[Engine]:
    """DATABASE_URL, or the database of `facepose up` of this site file, running or not.

    Raises:
        LocalError: there is neither.
    """
    state = None if settings.database_url is not None else state_folder(site_path, settings)
    with opened_database(settings, state) as url:
        engine = create_engine(url, pooled=False)
        yield engine
        engine.dispose()


def run_import(
    site_path: Path,
    site: Site,
    settings: Settings,
    path: Path,
    options: ImportOptions,
    console: Console,
) -> None:
    """Import a OneRoster set and print what changed."""
    vault, now = vault_of(settings), dt.datetime.now(dt.UTC)
    with database_of(site_path, settings) as engine, _bars(console) as tell:
        started_s = time.monotonic()
        report = import_roster(engine, site, path, vault, now, options, tell)
        took_s = max(time.monotonic() - started_s, 1e-3)
    text = report.changes.text(site.site.id, dry_run=options.dry_run)
    console.print(text, highlight=False, markup=False, soft_wrap=True)
    for sentence in report.mistakes:
        console.print(f"left out: {sentence}", highlight=False, markup=False, soft_wrap=True)
    rate = report.rows / took_s
    told = f"{report.rows} rows in {took_s:.1f} s ({rate:.0f} a second)"
    if report.left_out:
        told += (
            f"; {report.left_out} were left out: wrong, or of a row that is wrong. "
            "So nothing was ended for being absent from the set"
        )
    console.print(told, highlight=False, soft_wrap=True)


def run_seating(
    site_path: Path, site: Site, settings: Settings, path: Path, dry_run: bool, console: Console
) -> None:
    """Import a seating plan and print what changed."""
    vault = vault_of(settings)
    with database_of(site_path, settings) as engine:
        changes = import_seating(engine, site, path, vault, dry_run=dry_run)
    text = changes.text(site.site.id, dry_run=dry_run, subject="seating plan")
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def run_list(
    site_path: Path, site: Site, settings: Settings, slug: str | None, console: Console
) -> None:
    """Print the classes, or one class's students by pseudonym."""
    now = dt.datetime.now(site.time_zone)
    with database_of(site_path, settings) as engine, connect(engine) as connection:
        require_migrated(connection)
        number = site_number(connection, site)
        if slug is None:
            console.print(classes_table(connection, number, now))
        else:
            console.print(class_table(connection, number, slug, now))


def run_find(
    site_path: Path, site: Site, settings: Settings, sourced_id: str, console: Console
) -> None:
    """Print the pseudonym of one student."""
    vault = vault_of(settings)
    with database_of(site_path, settings) as engine, connect(engine) as connection:
        require_migrated(connection)
        console.print(pseudonym_of(connection, vault, site.site.id, sourced_id), highlight=False)


def run_rekey(site_path: Path, settings: Settings, old_key: Path, console: Console) -> None:
    """Re-encrypt the vault from a key in a file to the key in the settings."""
    old, new = vault_of_file(old_key), vault_of(settings)
    with database_of(site_path, settings) as engine, _bars(console) as tell:
        done = rekey(engine, old, new, lambda n: tell("sealed", n))
    console.print(
        f"{done} identities were re-encrypted; key {new.key_id} opens all of them now, "
        f"and key {old.key_id} none",
        highlight=False,
        soft_wrap=True,
    )


def print_new_key(console: Console) -> None:
    """Print a new key on a line of its own, and nothing else: it may go into a file."""
    console.print(new_key(), highlight=False, markup=False, soft_wrap=True)


@contextmanager
def _bars(console: Console) -> Iterator[Callable[[str, int], None]]:
    """How many rows were read and written, on a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f} rows"),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        tasks = {what: progress.add_task(what, total=None, visible=False) for what in _BARS}

        def tell(what: str, rows: int) -> None:
            progress.update(tasks[what], advance=rows, visible=True)

        yield tell
