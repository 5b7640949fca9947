"""`facepose rescore`: its command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from deploy import exit_codes
from deploy.process_setup import process_settings, stop_on_signals
from deploy.services_app import SiteFile
from schemas.site_file import load_site

rescore_app: Final = typer.Typer()


@rescore_app.command()
def rescore(
    site_path: SiteFile,
    params: Annotated[
        Path | None,
        typer.Option(help="What differs from version 1, as .yaml, .json or .toml."),
    ] = None,
    version: Annotated[
        int | None, typer.Option(min=1, max=32_767, help="Number of the new score version.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="First local day of the lessons, like 2026-09-01.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="The day before which they end.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Recompute, but write nothing.")
    ] = False,
    compare: Annotated[
        tuple[int, int] | None,
        typer.Option(help="Instead: how two versions' scores of the same lessons differ."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Recompute stored lessons under other score parameters, beside the old scores."""
    from deploy.rescore_command import (  # noqa: PLC0415  `facepose --help` waits for no database
        RescoreOptions,
        run_compare,
        run_rescore,
    )

    site, settings, console = load_site(site_path), process_settings(), Console()
    if compare is not None:
        run_compare(site, settings, *compare, console, as_json=as_json)
        return
    if params is None or version is None:
        raise typer.BadParameter("--params and --version are needed, or --compare")
    options = RescoreOptions(params, version, since, until, dry_run, as_json)
    if not run_rescore(site, settings, options, console, stop_on_signals()):
        raise typer.Exit(exit_codes.FAILED)
