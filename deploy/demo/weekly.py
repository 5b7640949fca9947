"""The weekly report of the demo's school, about the last week of its history."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from aggregator.reports.build import build_report
from aggregator.reports.document import Period
from aggregator.reports.rendering import render
from deploy.demo.history import last_week
from schemas.database import connect
from schemas.site import Site
from schemas.site_reports import ReportDefinition

DEFINITION: Final = ReportDefinition(id="weekly", kind="weekly_site", formats=("html", "pdf"))


def write_weekly(engine: Engine, site: Site, page: Path) -> tuple[Path, ...]:
    """Write the report as `page` (HTML) and beside it as PDF.

    Returns:
        Both paths; none when there is no history.
    """
    week = last_week(engine, site)
    if week is None:
        return ()
    first, after = week
    period = Period(
        first=first.date(),
        last=after.date() - dt.timedelta(days=1),
        time_zone=site.site.time_zone,
    )
    with connect(engine) as connection:
        report = build_report(connection, DEFINITION, period, site)
    paths = []
    for file in render(report, DEFINITION.formats):
        path = page.with_suffix(Path(file.name).suffix)
        path.write_bytes(file.content)
        paths.append(path)
    return tuple(paths)
