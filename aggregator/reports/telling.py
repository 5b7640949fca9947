"""What people should know of reports, as rows of `events`."""

from __future__ import annotations

import datetime as dt
import json
from typing import Final, Literal

from sqlalchemy import Connection, text

from aggregator.meetings import hash_id
from schemas.partitions import ensure_partitions

Kind = Literal[
    "report_failed", "report_runs_skipped", "report_delivery_failed", "report_delivery_in_doubt"
]
SEVERITY: Final[dict[Kind, int]] = {
    "report_failed": 3,
    "report_runs_skipped": 3,
    "report_delivery_failed": 3,
    "report_delivery_in_doubt": 2,
}

_EVENT: Final = text(
    """
    INSERT INTO events (ts, event_id, kind, severity, site_id, payload)
    SELECT :ts, :event_id, :kind, :severity, site_id, cast(:payload AS jsonb)
    FROM sites WHERE slug = :site
    ON CONFLICT DO NOTHING
    """
)


def tell(
    connection: Connection, site: str, kind: Kind, now: dt.datetime, **payload: object
) -> None:
    """One event; the same one twice is one row. No secret and no whole address stand in it."""
    text_ = json.dumps(payload, sort_keys=True)
    ensure_partitions(connection, now, 0)
    connection.execute(
        _EVENT,
        {
            "ts": now,
            "event_id": hash_id(site, kind, text_),
            "kind": kind,
            "severity": SEVERITY[kind],
            "site": site,
            "payload": text_,
        },
    )
