"""What the live table says of reports: what comes next, and what did not arrive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from schemas.site import Site

_NEXT: Final = sa.text(
    """
    SELECT d.slug, min(r.due_at) AS due_at FROM report_runs r
    JOIN report_defs d USING (report_id) JOIN sites s USING (site_id)
    WHERE s.slug = :site AND r.status IN ('waiting', 'running')
    GROUP BY d.slug ORDER BY due_at LIMIT 1
    """
)
_TROUBLE: Final = sa.text(
    """
    SELECT count(*) FROM report_deliveries y
    JOIN report_runs r USING (run_id) JOIN report_defs d USING (report_id)
    JOIN sites s USING (site_id)
    WHERE s.slug = :site AND y.status IN ('failed', 'in_doubt')
    """
)


def report_lines(connection: sa.Connection, site: Site) -> Iterator[str]:
    """A line of what is next; another one if something needs a person."""
    if not site.reports:
        return
    coming = connection.execute(_NEXT, {"site": site.site.id}).first()
    if coming is not None:
        local = coming.due_at.astimezone(site.time_zone)
        yield f"Next report: {coming.slug}, {local:%a %d %b %H:%M}"
    trouble = connection.execute(_TROUBLE, {"site": site.site.id}).scalar_one()
    if trouble:
        yield f"Reports that did not arrive for certain: {trouble} (facepose report list)"
