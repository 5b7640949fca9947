"""`facepose erase | audit | policy`: their command lines."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from deploy import exit_codes
from deploy.database_app import State, database_of_state
from deploy.process_setup import process_settings
from deploy.services_app import SiteFile
from schemas.site_file import load_site

safeguards_app: Final = typer.Typer()
policy_app: Final = typer.Typer(
    help="Rows that a stricter policy has overtaken.", no_args_is_help=True
)
safeguards_app.add_typer(policy_app, name="policy")

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


@safeguards_app.command()
def erase(
    site_path: SiteFile,
    student: Annotated[
        str | None, typer.Option(metavar="PSEUDONYM", help="The student, by pseudonym.")
    ] = None,
    sourced_id: Annotated[
        str | None, typer.Option(metavar="ID", help="Or by the roster's own id.")
    ] = None,
    reason: Annotated[str, typer.Option(help="For the audit.")] = "",
    receipt: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write the receipt here, too.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    reapply: Annotated[
        bool, typer.Option("--reapply", help="After a restored back-up: all erasures again.")
    ] = False,
    receipts: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="With --reapply: a receipt, or a folder of them."),
    ] = None,
) -> None:
    """Delete every row of one student, for good, and give a receipt."""
    from deploy.roster.command import database_of
    from deploy.safeguards.erase_command import erase_student, reapply_erasures

    site, settings, console = load_site(site_path), process_settings(), Console()
    if not reapply and not reason.strip():
        raise typer.BadParameter("say why: the reason stands in the audit", param_hint="--reason")
    with database_of(site_path, settings) as engine:
        if reapply:
            reapply_erasures(engine, settings, receipts, console)
            return
        erase_student(
            engine, site, settings, student, sourced_id, reason, receipt, dry_run, console
        )


@safeguards_app.command()
def audit(
    since: Annotated[str, typer.Option(help="First day, UTC; else 30 days before.")] = "",
    until: Annotated[str, typer.Option(help="Last day, UTC; else today.")] = "",
    verify: Annotated[bool, typer.Option("--verify", help="Follow the chain of hashes.")] = False,
    expect: Annotated[
        str, typer.Option(metavar="HASH", help="With --verify: a newest hash noted earlier.")
    ] = "",
    as_json: AsJson = False,
    state: State = None,
) -> None:
    """Show who read what about students and why, or verify that nothing was changed."""
    from deploy.safeguards.audit_command import show_audit, verify_audit

    console = Console()
    with database_of_state(state) as url:
        if not verify:
            show_audit(url, since, until, console, dt.datetime.now(dt.UTC), as_json=as_json)
        elif not verify_audit(url, expect, console, as_json=as_json):
            raise typer.Exit(exit_codes.FAILED)


@policy_app.command()
def check(state: State = None) -> None:
    """Count rows that the sites' policies do not permit any more; exit status 1 when there are."""
    from deploy.safeguards.audit_command import forbidden_rows

    with database_of_state(state) as url:
        if not forbidden_rows(url, Console(), purge=False):
            raise typer.Exit(exit_codes.FAILED)


@policy_app.command()
def purge(state: State = None) -> None:
    """Delete them: after a site file became stricter and was synced."""
    from deploy.safeguards.audit_command import forbidden_rows

    with database_of_state(state) as url:
        forbidden_rows(url, Console(), purge=True)
