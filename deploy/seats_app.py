"""`facepose seats`: its command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from typer.core import TyperGroup

from deploy.process_setup import process_settings
from deploy.services_app import SiteFile
from schemas.site_file import load_site

_SHOW: Final = "show"


class _ShowByDefault(TyperGroup):
    """`facepose seats SITE.YAML ROOM` is `facepose seats show SITE.YAML ROOM`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401  Typer's own types are private
        """Take a first word that is no command for an argument of `show`."""
        if args and self.get_command(ctx, args[0]) is None:
            args = [_SHOW, *args]
        return super().resolve_command(ctx, args)


seats_app: Final = typer.Typer(
    cls=_ShowByDefault,
    help="The seats of a room, drawn or found: `facepose seats SITE.YAML ROOM`.",
    no_args_is_help=True,
)
RoomId = Annotated[str, typer.Argument(metavar="ROOM", help="Id of a room.")]


@seats_app.command(_SHOW)
def show(
    site_path: SiteFile,
    room: RoomId,
    draw: Annotated[
        Path | None,
        typer.Option(metavar="FILE.svg", help="Draw them too, to an .svg or .png file."),
    ] = None,
) -> None:
    """Print the seats of a room as a block for the site file (`show` may be left out)."""
    from deploy.local.running_site import running_settings
    from deploy.seating.command import show_seats

    site, console = load_site(site_path), Console()
    show_seats(site, running_settings(site_path, process_settings()), room, draw, console)


@seats_app.command()
def confirm(site_path: SiteFile, room: RoomId) -> None:
    """Say that from now on who sits in a seat is its student, also after a change of seats."""
    from deploy.local.running_site import running_settings
    from deploy.seating.command import confirm_seats

    site, console = load_site(site_path), Console()
    confirm_seats(site, running_settings(site_path, process_settings()), room, console)
