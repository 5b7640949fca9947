"""`facepose consent`: its command line."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from deploy.process_setup import process_settings
from deploy.services_app import SiteFile
from schemas.site_file import load_site

if TYPE_CHECKING:
    from deploy.safeguards.consent_rows import Deed

consent_app: Final = typer.Typer(
    help="What guardians and students said about their figures.", no_args_is_help=True
)
Student = Annotated[
    str, typer.Option("--student", metavar="PSEUDONYM", help="The student, by pseudonym.")
]
SourcedId = Annotated[
    str, typer.Option("--sourced-id", metavar="ID", help="Or by the roster's own id.")
]
Purpose = Annotated[str, typer.Option(help="presence, score, expression or research.")]
By = Annotated[str, typer.Option(help="guardian, student, both or school_basis.")]
Notice = Annotated[str, typer.Option(help="Version of the notice that was explained.")]
From = Annotated[str, typer.Option("--from", help="First local day; else today.")]
Until = Annotated[str, typer.Option(help="Last local day; else until it is withdrawn.")]
Evidence = Annotated[str, typer.Option(help="Where the signed form lies.")]


@consent_app.command()
def grant(
    site_path: SiteFile,
    by: By,
    notice: Notice,
    student: Student = "",
    sourced_id: SourcedId = "",
    purpose: Purpose = "score",
    since: From = "",
    until: Until = "",
    evidence: Evidence = "",
) -> None:
    """Write a consent down."""
    _write(site_path, "grant", student, sourced_id, purpose, by, since, notice, until, evidence)


@consent_app.command()
def refuse(
    site_path: SiteFile,
    by: By,
    notice: Notice,
    student: Student = "",
    sourced_id: SourcedId = "",
    purpose: Purpose = "score",
    since: From = "",
    until: Until = "",
    evidence: Evidence = "",
) -> None:
    """Write a refusal down: it beats every consent until it is withdrawn."""
    _write(site_path, "refuse", student, sourced_id, purpose, by, since, notice, until, evidence)


@consent_app.command()
def withdraw(
    site_path: SiteFile,
    by: By,
    student: Student = "",
    sourced_id: SourcedId = "",
    purpose: Purpose = "score",
    since: From = "",
) -> None:
    """End a consent or a refusal of one side; the other side's word stands."""
    _write(site_path, "withdraw", student, sourced_id, purpose, by, since)


@consent_app.command("list")
def list_(
    site_path: SiteFile,
    student: Student = "",
    sourced_id: SourcedId = "",
) -> None:
    """Show what was said, and whether one student may be linked to lessons now."""
    from deploy.roster.command import database_of
    from deploy.safeguards.consent_command import list_consents

    site, settings, now = load_site(site_path), process_settings(), dt.datetime.now(dt.UTC)
    with database_of(site_path, settings) as engine:
        list_consents(engine, site, settings, student or None, sourced_id or None, Console(), now)


@consent_app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(metavar="FILE.csv", help="A line a word.")],
    site_path: SiteFile,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
) -> None:
    """Write many down: student|sourced_id,purpose,word,by,notice,from,until,evidence."""
    from deploy.roster.command import database_of
    from deploy.safeguards.consent_command import import_consents

    site, settings = load_site(site_path), process_settings()
    with database_of(site_path, settings) as engine:
        import_consents(engine, site, settings, path, dry_run, Console())


def _write(
    site_path: Path,
    deed: Deed,
    student: str,
    sourced_id: str,
    purpose: str,
    by: str,
    since: str,
    notice: str = "",
    until: str = "",
    evidence: str = "",
) -> None:
    from deploy.roster.command import database_of
    from deploy.safeguards.consent_command import write_consent
    from deploy.safeguards.consent_rows import consent_row

    site, settings = load_site(site_path), process_settings()
    fields = {
        "student": student,
        "sourced_id": sourced_id,
        "purpose": purpose,
        "word": deed,
        "by": by,
        "notice": notice,
        "from": since or dt.datetime.now(site.time_zone).date().isoformat(),
        "until": until,
        "evidence": evidence,
    }
    row = consent_row(fields)
    with database_of(site_path, settings) as engine:
        write_consent(engine, site, settings, row, Console())
