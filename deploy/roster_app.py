"""`facepose roster`: its command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from deploy import exit_codes
from deploy.process_setup import process_settings
from deploy.services_app import SiteFile
from schemas.rosters.mistakes import RosterError
from schemas.site_file import load_site

roster_app: Final = typer.Typer(
    help="Who is in which class and sits where; names are sealed.", no_args_is_help=True
)
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]


@contextmanager
def _mistakes() -> Iterator[None]:
    """Print what is wrong with a file, and end with the status of a failed check."""
    try:
        yield
    except RosterError as exc:
        console = Console(stderr=True)
        console.print(str(exc), style="red", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(exit_codes.FAILED) from None


@roster_app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Folder or zip of the set.")],
    site_path: SiteFile,
    org: Annotated[
        str | None, typer.Option(metavar="SOURCED_ID", help="The school, where a set has several.")
    ] = None,
    dry_run: DryRun = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave wrong rows out; then nothing ends.")
    ] = False,
) -> None:
    """Bring a OneRoster CSV set (1.1 or 1.2, bulk or delta) into the tables."""
    from deploy.roster.command import run_import
    from deploy.roster.importing import ImportOptions

    site, settings = load_site(site_path), process_settings()
    options = ImportOptions(org, dry_run, skip_bad)
    with _mistakes():
        run_import(site_path, site, settings, path, options, Console())


@roster_app.command()
def seating(
    path: Annotated[Path, typer.Argument(metavar="FILE.csv", help="The seating plan.")],
    site_path: SiteFile,
    dry_run: DryRun = False,
) -> None:
    """Bring a seating plan (class,room,seat,sourced_id,from[,until]) into the tables."""
    from deploy.roster.command import run_seating

    with _mistakes():
        run_seating(site_path, load_site(site_path), process_settings(), path, dry_run, Console())


@roster_app.command("list")
def list_(
    site_path: SiteFile,
    class_id: Annotated[
        str | None, typer.Option("--class", help="Show this class's students, by pseudonym.")
    ] = None,
) -> None:
    """Show classes, how many are enrolled and have a seat; no names."""
    from deploy.roster.command import run_list

    run_list(site_path, load_site(site_path), process_settings(), class_id, Console())


@roster_app.command()
def find(
    site_path: SiteFile,
    sourced_id: Annotated[str, typer.Argument(help="The id in the school's own system.")],
) -> None:
    """Print the pseudonym of a student whom the school's system knows by an id."""
    from deploy.roster.command import run_find

    run_find(site_path, load_site(site_path), process_settings(), sourced_id, Console())


@roster_app.command()
def key() -> None:
    """Print a new key for the vault: keep it where the database's back-ups are not."""
    from deploy.roster.command import print_new_key

    print_new_key(Console())


@roster_app.command()
def rekey(
    site_path: SiteFile,
    old_key_file: Annotated[
        Path, typer.Option(help="File with the key that is in use; the new one is in the settings.")
    ],
) -> None:
    """Re-encrypt all names under the key in FACEPOSE_VAULT_KEY or its file."""
    from deploy.roster.command import run_rekey

    load_site(site_path)
    run_rekey(site_path, process_settings(), old_key_file, Console())
