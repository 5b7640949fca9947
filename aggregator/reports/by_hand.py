"""Reports that somebody asks for: made now, sent again, or only looked at."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine

from aggregator.reports import deliveries
from aggregator.reports.document import Period
from aggregator.reports.errors import NotMadeError, PeriodError, UnknownReportError
from aggregator.reports.making import Build, MadeFile, Maker, Render
from aggregator.reports.open_lessons import LessonBook, words_of
from aggregator.reports.periods import bounds, label, last_whole, parse_period
from aggregator.reports.runs import find_run, open_run
from aggregator.reports.schedule import range_of, report_ids
from aggregator.reports.scheduler import ReportScheduler
from schemas.database import connect
from schemas.site import Site
from schemas.site_reports import ReportDefinition


@dataclass(frozen=True)
class Asked:
    """A report of the site file and one of its periods."""

    definition: ReportDefinition
    period: Period

    @property
    def name(self) -> str:
        """For people: `weekly 2026-W12`."""
        return f"{self.definition.id} {label(self.definition, self.period)}"


def asked_for(site: Site, report: str, period: str | None, now: dt.datetime) -> Asked:
    """What a command line means; without a period, the last whole one.

    Raises:
        UnknownReportError, PeriodError
    """
    definition = next((d for d in site.reports if d.id == report), None)
    if definition is None:
        known = ", ".join(d.id for d in site.reports) or "none; add `reports:`"
        raise UnknownReportError(f"the site file has no report {report!r}; it has: {known}")
    zone = site.site.time_zone
    if period is None:
        return Asked(definition, last_whole(definition, zone, now))
    return Asked(definition, parse_period(definition, period, zone))


def run_now(
    engine: Engine, site: Site, scheduler: ReportScheduler, asked: Asked, now: dt.datetime
) -> Callable[[bool], None]:
    """Claim the run of a period; the function that is returned makes it, and sends it if told to.

    Raises:
        PeriodError: the period is not over.
        NotMadeError: it is made already, or another process makes it now.
        UnknownReportError: the database does not know the report yet.
    """
    if bounds(asked.period)[1] > now:
        raise PeriodError(
            f"{asked.name} is not over yet: `facepose report preview` shows it so far"
        )
    with connect(engine) as connection:
        report_id = _number(connection, site, asked)
        run = open_run(connection, report_id, range_of(asked.period), now)
        held = scheduler.keeper.claim_in(connection, run.run_id, now, makes=True)
        if held is None:
            raise NotMadeError(_why_not(asked, run.status))
        connection.commit()
    later = run.due_at if run.due_at > now else None

    def make(delivers: bool) -> None:
        scheduler.make(held, asked.definition, asked.period, now if delivers else later)

    return make


def resend(
    engine: Engine, site: Site, scheduler: ReportScheduler, asked: Asked, now: dt.datetime
) -> int:
    """Send a finished run to all its recipients again, the same bytes under the same ids.

    Returns:
        The number of the run.

    Raises:
        NotMadeError: there is no such run, or a scheduler is at it now.
    """
    with connect(engine) as connection:
        run = find_run(connection, _number(connection, site, asked), range_of(asked.period))
    if run is None or run.status != "done":
        raise NotMadeError(
            f"{asked.name} has not been made: `facepose report run {asked.definition.id} … "
            f"--period {label(asked.definition, asked.period)} --deliver`"
        )

    def prepare(connection: Connection) -> None:
        scheduler.address(connection, run.run_id, asked.definition, asked.period, now)
        deliveries.send_again(connection, run.run_id, now)

    if not scheduler.deliver(run.run_id, prepare):
        raise NotMadeError(f"a scheduler is sending {asked.name} now: try again in a minute")
    return run.run_id


def preview(
    engine: Engine, site: Site, folder: Path, build: Build, render: Render, asked: Asked
) -> tuple[Sequence[MadeFile], Sequence[str]]:
    """The files as they would be made now, and the lessons that they leave out; nothing is kept."""
    with connect(engine) as connection:
        open_lessons = LessonBook(site, folder).open_lessons(
            connection, asked.definition, asked.period
        )
    left_out = words_of(open_lessons, site.site.time_zone)
    _, files = Maker(engine, site, build, render).make(asked.definition, asked.period, left_out)
    return files, left_out


def _number(connection: Connection, site: Site, asked: Asked) -> int:
    number = report_ids(connection, site.site.id).get(asked.definition.id)
    if number is None:
        raise UnknownReportError(
            f"the database does not know report {asked.definition.id!r} yet: run `facepose db sync`"
        )
    return number


def _why_not(asked: Asked, status: str) -> str:
    if status == "done":
        return (
            f"{asked.name} was made already: `facepose report resend` sends it again, "
            "`facepose report preview` makes it anew beside it"
        )
    return f"another process is making {asked.name} now: see `facepose report list`"
