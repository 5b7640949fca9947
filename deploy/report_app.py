"""`facepose report …`: its command lines."""

from __future__ import annotations

from contextlib import closing, nullcontext
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from deploy import exit_codes
from deploy.health import Health, gauge_says_ready, serving_health
from deploy.process_setup import process_settings, stop_on_signals
from deploy.services_app import SiteFile
from schemas.site_file import load_site

console: Final = Console()
report_app: Final = typer.Typer(
    help="Reports: made when they are due, listed, sent again.", no_args_is_help=True
)

ReportId = Annotated[str, typer.Argument(metavar="REPORT", help="Id of a report.")]
PeriodName = Annotated[
    str | None,
    typer.Option(help="2026-W12, 2026-03, 2026-03-02 or a term; else the last whole one."),
]
State = Annotated[
    Path | None,
    typer.Option(help="State folder of the embedded servers; else `facepose up`'s own."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


@report_app.command()
def serve(site_path: SiteFile) -> None:
    """Make and send reports, and keep the database in order (one service)."""
    from aggregator.reports.service import run_report_service
    from schemas.site_watch import SiteWatch

    site, settings, stop = load_site(site_path), process_settings(), stop_on_signals()
    health = Health(stop, gauge_says_ready("facepose_report_ready"))
    port = settings.metrics_port
    with serving_health(settings.metrics_host, port, health) if port else nullcontext():
        run_report_service(
            site,
            settings,
            stop,
            folder=site_path.absolute().parent,
            watch=SiteWatch(site_path, site),
        )


@report_app.command()
def run(
    report: ReportId,
    site_path: SiteFile,
    period: PeriodName = None,
    deliver: Annotated[bool, typer.Option("--deliver", help="Send it, too.")] = False,
    state: State = None,
) -> None:
    """Make a report now that is not made yet; it counts as the scheduled one."""
    from deploy.report_command import ReportDesk

    with closing(ReportDesk(site_path, process_settings(), state)) as desk:
        if not desk.run(report, period, console, deliver=deliver):
            raise typer.Exit(exit_codes.FAILED)


@report_app.command(name="list")
def list_(
    site_path: SiteFile,
    most: Annotated[int, typer.Option("--runs", min=1, max=1000, help="Of each report.")] = 5,
    as_json: AsJson = False,
    state: State = None,
) -> None:
    """Show reports, their newest runs, and where these went; status 1 when something failed."""
    from deploy.report_command import ReportDesk

    with closing(ReportDesk(site_path, process_settings(), state)) as desk:
        if not desk.show(most, console, as_json=as_json):
            raise typer.Exit(exit_codes.FAILED)


@report_app.command()
def preview(
    report: ReportId,
    site_path: SiteFile,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where its files go.")],
    period: PeriodName = None,
    state: State = None,
) -> None:
    """Make a report's files to look at; nothing is kept and nothing is sent."""
    from deploy.report_command import ReportDesk

    with closing(ReportDesk(site_path, process_settings(), state)) as desk:
        desk.preview(report, period, out, console)


@report_app.command()
def resend(
    report: ReportId,
    site_path: SiteFile,
    period: Annotated[str, typer.Option(help="2026-W12, 2026-03, 2026-03-02 or a term.")],
    state: State = None,
) -> None:
    """Send a report that was made to all its recipients again: the same files, the same ids."""
    from deploy.report_command import ReportDesk

    with closing(ReportDesk(site_path, process_settings(), state)) as desk:
        if not desk.resend(report, period, console):
            raise typer.Exit(exit_codes.FAILED)
