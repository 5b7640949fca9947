"""Rows that policy has forbidden since they were made: the database knows of it first.

A stricter site file reaches the database before the rooms' plans, and a room may still hold rows
that were allowed when it made them. The database would refuse the whole commit, again and again.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, select

from aggregator.rows import ExpressionMinuteRow, Rows, is_per_student
from schemas.tables import sites

_POLICY: Final = select(sites.c.per_student, sites.c.expression)


def permitted(connection: Connection, site_id: int, rows: Rows) -> Rows:
    """The rows that the site's policy permits now, by the database's word.

    Args:
        connection: in the transaction that writes the rows.
        site_id: number of the site.
        rows: to be written.
    """
    if not any(is_per_student(row) for row in rows):
        return rows
    per_student, expression = connection.execute(_POLICY.where(sites.c.site_id == site_id)).one()
    if not per_student:
        return [row for row in rows if not is_per_student(row)]
    if not expression:
        return [row for row in rows if not isinstance(row, ExpressionMinuteRow)]
    return rows
