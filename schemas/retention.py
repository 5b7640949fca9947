"""For how long rows are kept in a database: by site, and in the table `retention`.

Retention drops whole partitions, which hold the rows of all sites of a database: in them the
longest keep of any site holds. Rows that are deleted one by one go by their own site's keep.
"""

from __future__ import annotations

import datetime as dt

from pydantic import ValidationError
from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from schemas.site_retention import KEEP_OF, MAX_DAYS, Retention
from schemas.tables import metadata, retention, sites


def store_retention(connection: Connection) -> dict[str, dt.timedelta]:
    """Bring the table `retention` up to date with what the sites ask for; returns it."""
    keeps = longest_keeps(connection)
    statement = insert(retention).values(
        [{"table_name": t, "keep": keep, "unit": _unit(t)} for t, keep in sorted(keeps.items())]
    )
    new = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["table_name"],
            set_={"keep": new.keep, "unit": new.unit},
            where=func.row(retention.c.keep, retention.c.unit) != func.row(new.keep, new.unit),
        )
    )
    connection.execute(delete(retention).where(retention.c.table_name.not_in(keeps)))
    return keeps


def longest_keeps(connection: Connection) -> dict[str, dt.timedelta]:
    """The longest that any site keeps the rows of each table.

    A site that no version with retention has synced yet has the built-in keeps.
    """
    of_sites = list(retention_of_sites(connection).values()) or [Retention()]
    return {
        table: dt.timedelta(days=max(each.days_of(table) for each in of_sites)) for table in KEEP_OF
    }


def retention_of_sites(connection: Connection) -> dict[int, Retention]:
    """What each site asks for, by its number."""
    rows = connection.execute(select(sites.c.site_id, sites.c.retention).order_by(sites.c.site_id))
    return {site_id: _parsed(stored) for site_id, stored in rows}


def _parsed(stored: dict[str, int] | None) -> Retention:
    known = {k: v for k, v in (stored or {}).items() if k in Retention.model_fields}
    try:
        return Retention.model_validate(known)
    except ValidationError:  # by another version, with other bounds: nothing is dropped for it
        return Retention(**dict.fromkeys(Retention.model_fields, MAX_DAYS))


def _unit(table: str) -> str:
    """What is dropped at once."""
    period = metadata.tables[table].info.get("partition_period")
    return str(period or "row")
