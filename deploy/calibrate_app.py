"""`facepose calibrate`: its command line."""

from __future__ import annotations

from typing import Annotated, Final

import typer
from rich.console import Console

from deploy import exit_codes
from deploy.process_setup import process_settings, stop_on_signals
from deploy.services_app import SiteFile
from schemas.site_file import load_site

calibrate_app: Final = typer.Typer()


@calibrate_app.command()
def calibrate(
    site_path: SiteFile,
    room: Annotated[str, typer.Argument(metavar="ROOM", help="Id of a room.")],
    camera: Annotated[str | None, typer.Option(help="Only this one.")] = None,
    seconds: Annotated[
        float, typer.Option(min=1, max=300, help="How long everybody looks at the board.")
    ] = 20.0,
    list_only: Annotated[
        bool, typer.Option("--list", help="Only show the calibrations in force.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure, but set nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Set them without asking.")] = False,
) -> None:
    """Teach a running room where the front is: everybody looks at the board for 20 seconds."""
    from deploy.calibrate.command import CalibrateOptions, room_of, run_calibrate
    from deploy.calibrate.listing import list_calibrations
    from deploy.local.running_site import running_settings

    site, console = load_site(site_path), Console()
    room_of(site, room)  # a mistyped room is told before a pipeline is looked for
    settings = running_settings(site_path, process_settings())
    if list_only:
        list_calibrations(site, settings, room, console)
        return
    options = CalibrateOptions(room, camera, seconds, dry_run, yes)
    if not run_calibrate(site, settings, options, console, stop_on_signals()) and not dry_run:
        raise typer.Exit(exit_codes.FAILED)
