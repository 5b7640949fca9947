"""`facepose db …`: its command lines."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from deploy import exit_codes
from deploy.process_setup import process_settings, stop_on_signals
from deploy.services_app import SiteFile
from schemas.site_file import load_site

console: Final = Console()
db_app: Final = typer.Typer(help="The database: tables, history, upkeep.", no_args_is_help=True)

State = Annotated[
    Path | None,
    typer.Option(help="State folder of the embedded servers; else FACEPOSE_STATE, .facepose."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


@db_app.command()
def upgrade() -> None:
    """Create the tables, or bring them to this version."""
    from deploy.database_command import upgrade_database

    upgrade_database(process_settings().require_database_url(), console)


@db_app.command()
def sync(
    site_path: SiteFile,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
) -> None:
    """Bring rooms, cameras, seats and calibrations of a site file into the tables."""
    from deploy.database_command import sync_database

    sync_database(process_settings().require_database_url(), load_site(site_path), dry_run, console)


@db_app.command()
def status(as_json: AsJson = False, state: State = None) -> None:
    """Say how the database is; exit status 1 when something needs doing."""
    from deploy.database_upkeep import show_status

    with database_of_state(state) as url:
        if not show_status(url, console, as_json=as_json):
            raise typer.Exit(exit_codes.FAILED)


@db_app.command()
def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: AsJson = False,
    state: State = None,
) -> None:
    """Drop what is older than the site files keep it, and make partitions for the coming days.

    The report service does this every day.
    """
    from deploy.database_upkeep import apply_retention

    with database_of_state(state) as url:
        if not apply_retention(url, console, dry_run=dry_run, as_json=as_json):
            raise typer.Exit(exit_codes.FAILED)


@db_app.command()
def rollup(
    since: Annotated[
        str | None, typer.Option(help="First local day of the lessons, like 2026-09-01.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="The day before which they end.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    as_json: AsJson = False,
    state: State = None,
) -> None:
    """Make the sites' daily curves again from the class minutes.

    The aggregator keeps them as lessons end; this is for lessons that were deleted, for another k
    of the policy, and to be sure. Minutes, class minutes and lessons' summaries are not made
    again here, because windows alone do not tell them: `facepose replay` does it from films, and
    `facepose rescore` for other parameters. Days whose class minutes are gone keep their curve.
    """
    from deploy.database_upkeep import make_rollups

    stop = stop_on_signals()
    with database_of_state(state) as url:
        if not make_rollups(url, since, until, console, stop, dry_run=dry_run, as_json=as_json):
            raise typer.Exit(exit_codes.FAILED)


@db_app.command()
def roles(
    print_sql: Annotated[
        bool, typer.Option("--print", help="Print what a server's administrator has to run.")
    ] = False,
    state: State = None,
) -> None:
    """Make the roles of services, analysts and admins, and give them their rights."""
    from deploy.safeguards.roles_command import give_roles
    from schemas.roles import role_sql

    if print_sql:
        console.print(role_sql(), end="", highlight=False, markup=False, soft_wrap=True)
        return
    with database_of_state(state) as url:
        if not give_roles(url, console):
            raise typer.Exit(exit_codes.FAILED)


@db_app.command()
def login(
    name: Annotated[str, typer.Argument(help="Of the login, like metabase.")],
    role: Annotated[
        str, typer.Option(help="analyst (reads the views v_…), writer, maintenance or admin.")
    ] = "analyst",
    renew: Annotated[
        bool, typer.Option("--renew", help="Give a login that is there a new password.")
    ] = False,
    state: State = None,
) -> None:
    """Make a database user of one of the roles; its password is shown once."""
    from deploy.safeguards.logins import make_login

    with database_of_state(state) as url:
        make_login(url, name, role, console, renew=renew)


@db_app.command(context_settings={"ignore_unknown_options": True})
def shell(
    arguments: Annotated[list[str] | None, typer.Argument(help="Handed to psql.")] = None,
    state: State = None,
) -> None:
    """Open psql on DATABASE_URL, or on the embedded database of a state folder."""
    from deploy.database_command import open_shell

    raise typer.Exit(open_shell(process_settings(), state, arguments or []))


def database_of_state(state: Path | None) -> AbstractContextManager[str]:
    """The url of DATABASE_URL, or of the embedded database, served for so long."""
    from deploy.embedded_database import opened_database

    return opened_database(process_settings(), state)
