"""A school whose reports are due: a site of its own in the module's database, a clock that is set.

Its reports are small, but read the views; their renderer is as simple as can be.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, text

from aggregator.reports.delivery.courier import Courier
from aggregator.reports.document import Period, Report, Section
from aggregator.reports.scheduler import ReportScheduler
from schemas.site import Site
from schemas.site_reports import ReportDefinition
from schemas.sync import sync_site

SYNCED = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
NOTHING = Section(name="nothing", heading="Nothing")


@dataclass
class Clock:
    """The time that a test says it is."""

    now: dt.datetime

    def __call__(self) -> dt.datetime:
        return self.now

    def pass_(self, **span: float) -> None:
        self.now += dt.timedelta(**span)


@dataclass(frozen=True)
class File:
    name: str
    media_type: str
    content: bytes


def build(
    connection: Connection, definition: ReportDefinition, period: Period, site: Site
) -> Report:
    """A report that says how many lessons there were."""
    lessons = connection.execute(
        text("SELECT count(*) FROM v_lessons WHERE site = :site"), {"site": site.site.id}
    ).scalar_one()
    return Report(
        report_id=definition.id,
        kind=definition.kind,
        title="A report",
        subject=site.site.id,
        site_name=site.site.name,
        period=period,
        policy_profile=site.rules.profile,
        k=site.rules.k,
        key_figures=(),
        summary=(f"{lessons} lessons",),
        sections=(),
        method=NOTHING,
        privacy=NOTHING,
        score_versions=(1,),
    )


def render(report: Report, formats: Sequence[str]) -> list[File]:
    """The report as JSON under each format's name."""
    stem = f"{report.report_id}_{report.period.first}_{report.period.last}"
    content = msgspec.json.encode(report)
    return [File(f"{stem}.{name}", "application/json", content) for name in formats]


class School:
    """A site in the database, and what happened to its reports there."""

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        reports: Sequence[dict[str, Any]],
        *,
        time_zone: str = "Europe/Amsterdam",
        **parts: Any,
    ) -> None:
        self.engine = engine
        self.folder = folder
        self.id = f"school-{uuid.uuid4().hex[:12]}"
        self._values: dict[str, Any] = {
            "version": 1,
            "site": {"id": self.id, "name": "Sunnyside", "time_zone": time_zone},
            "policy": "demo",
            "rooms": [{"id": "room-1", "cameras": [{"id": "c1", "url": "film.mp4"}]}],
            **parts,
        }
        self.define(reports)

    @classmethod
    def of(cls, engine: Engine, folder: Path, site: Site) -> School:
        """A school whose site file is there and synced."""
        school = cls.__new__(cls)
        school.engine, school.folder, school.site, school.id = engine, folder, site, site.site.id
        return school

    def define(self, reports: Sequence[dict[str, Any]]) -> None:
        """The site file now says that these are its reports."""
        self.site = Site.model_validate({**self._values, "reports": list(reports)})
        sync_site(self.engine, self.site, at=SYNCED)

    def scheduler(self, clock: Clock, **values: Any) -> ReportScheduler:
        values = {"holder": uuid.uuid4().hex, "build": build, "render": render, **values}
        environ = values.pop("environ", None)
        if environ is not None:
            values["courier"] = Courier(self.site, self.folder, environ)
        return ReportScheduler(self.engine, self.site, self.folder, clock=clock, **values)

    def ask(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """Rows of a query about this site, `:site`."""
        with self.engine.begin() as connection:
            found = connection.execute(text(sql), {"site": self.id, **values})
            return [tuple(row) for row in found] if found.returns_rows else []

    def runs(self, status: str = "done") -> list[tuple[str, str]]:
        """Report and first day of its runs, as they were finished."""
        return [
            (report, str(day))
            for report, day in self.ask(
                """SELECT report, local_first_day FROM v_reports
                   WHERE site = :site AND status = :status ORDER BY finished_at, due_at""",
                status=status,
            )
        ]

    def deliveries(self) -> list[tuple[str, int, str | None]]:
        """Status, attempts and error of all deliveries."""
        rows = self.ask(
            """SELECT y.status, y.attempt, y.error FROM report_deliveries y
               JOIN report_runs USING (run_id) JOIN report_defs USING (report_id)
               JOIN sites s USING (site_id) WHERE s.slug = :site
               ORDER BY report_runs.due_at, y.recipient"""
        )
        return [(status, attempt, error) for status, attempt, error in rows]

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        rows = self.ask(
            """SELECT e.kind, e.payload FROM events e JOIN sites s USING (site_id)
               WHERE s.slug = :site ORDER BY e.ts, e.kind"""
        )
        return [(kind, payload) for kind, payload in rows]

    def hold_lesson(self, start: dt.datetime, minutes: int = 45, status: str = "held") -> None:
        """A lesson as the aggregator writes it, or closes it."""
        key = f"site:maths:{start.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
        self.ask(
            """INSERT INTO meetings (meeting_id, room_id, site_id, planned, status, policy_profile,
                                     identity_mode, source_key)
               SELECT :meeting, r.room_id, s.site_id, tstzrange(:start, :end), :status, 'demo', 0,
                      :key
               FROM sites s JOIN rooms r USING (site_id) WHERE s.slug = :site
               ON CONFLICT (room_id, source_key) DO UPDATE SET status = excluded.status""",
            meeting=uuid.uuid4().int >> 66,
            start=start,
            end=start + dt.timedelta(minutes=minutes),
            status=status,
            key=key,
        )


def work(scheduler: ReportScheduler, most: int = 200) -> int:
    """Let it do all that there is to do; how many things it did."""
    for done in range(most):
        if not scheduler.step():
            return done
    raise AssertionError("the scheduler finds no end")
