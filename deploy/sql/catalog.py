"""What there is to ask: the views, their columns and their comments, read from the database."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import psycopg

_COLUMNS: Final = """
    SELECT c.relname, obj_description(c.oid, 'pg_class'), a.attname,
           format_type(a.atttypid, a.atttypmod), col_description(c.oid, a.attnum)
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relkind = 'v' AND starts_with(c.relname, 'v_')
        AND c.relnamespace = 'public'::regnamespace AND NOT a.attisdropped
    ORDER BY c.relname, a.attnum
"""


class ViewColumn(NamedTuple):
    """One column of a view."""

    name: str
    type: str  # as PostgreSQL names it
    words: str


class View(NamedTuple):
    """One view that people may ask."""

    name: str
    words: str
    columns: tuple[ViewColumn, ...]


Catalog = dict[str, View]


def read_catalog(connection: psycopg.Connection[tuple[Any, ...]]) -> Catalog:
    """Every view by its name, in the order of the alphabet."""
    catalog: Catalog = {}
    for view, words, *column in connection.execute(_COLUMNS):
        known = catalog.get(view, View(view, words or "", ()))
        name, kind, about = column
        catalog[view] = known._replace(
            columns=(*known.columns, ViewColumn(name, kind, about or ""))
        )
    return catalog
