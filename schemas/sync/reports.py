"""The reports of a site file, mirrored so that runs and their history have something to name."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from schemas.site import Site
from schemas.site_reports import ReportDefinition
from schemas.sync.merge import merge
from schemas.sync.report import ChangeLog
from schemas.tables import report_defs


def sync_reports(connection: Connection, site: Site, site_id: int, changes: ChangeLog) -> None:
    """Write the definitions; recipients stand with their `${NAME}`, never with what is behind."""
    wanted = {
        definition.id: {"site_id": site_id, **_values(site, definition)}
        for definition in site.reports
    }
    merge(
        connection,
        report_defs,
        report_defs.c.site_id == site_id,
        key_of=lambda row: str(row["slug"]),
        wanted=wanted,
        label="report {}".format,
        changes=changes,
    )


def _values(site: Site, definition: ReportDefinition) -> dict[str, Any]:
    return {
        "slug": definition.id,
        "kind": definition.kind,
        "params": definition.params,
        "cron": definition.cron,
        "tz": site.site.time_zone,
        "recipients": list(definition.recipients),
        "formats": list(definition.formats),
        "enabled": definition.enabled,
    }
