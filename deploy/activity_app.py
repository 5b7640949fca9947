"""`facepose activity`: its command line."""

from __future__ import annotations

from typing import Annotated, Final

import typer
from rich.console import Console

from deploy.process_setup import process_settings
from deploy.services_app import SiteFile
from schemas.site import Activity
from schemas.site_file import load_site

activity_app: Final = typer.Typer()


@activity_app.command()
def activity(
    site_path: SiteFile,
    room: Annotated[str, typer.Argument(metavar="ROOM", help="Id of a room.")],
    what: Annotated[
        Activity | None,
        typer.Argument(metavar="[ACTIVITY]", help="What the class does; without it: show it."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="From then on: 10:30 or 2026-11-18T10:30, local time."),
    ] = None,
) -> None:
    """Say what the class in a room does now, or show it; it holds until the lesson is over."""
    from deploy.activity_command import say_activity, show_activity
    from deploy.local.running_site import running_settings

    site, console = load_site(site_path), Console()
    settings = running_settings(site_path, process_settings())
    if what is None:
        show_activity(site, settings, room, console)
    else:
        say_activity(site, settings, room, what, at, console)
