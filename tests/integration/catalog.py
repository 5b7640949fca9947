"""What PostgreSQL itself says about our tables: more than Alembic compares."""

from __future__ import annotations

from sqlalchemy import Connection, text

from schemas.partitions import is_partition
from schemas.tables.base import VAULT

_OURS = f"relnamespace IN ('public'::regnamespace, to_regnamespace('{VAULT}'))"

_FACTS = {
    "columns": f"""
        SELECT c.relname || '.' || a.attname,
               concat_ws(' ', format_type(a.atttypid, a.atttypmod),
                         CASE WHEN a.attnotnull THEN 'NOT NULL' END,
                         a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid))
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relkind IN ('r', 'p') AND c.{_OURS}
    """,
    "constraints": f"""
        SELECT c.relname || '.' || o.conname, pg_get_constraintdef(o.oid)
        FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid
        WHERE c.{_OURS}
    """,
    "indexes": f"""
        SELECT tablename || '.' || indexname, indexdef FROM pg_indexes
        WHERE schemaname IN ('public', '{VAULT}')
    """,
    "partition keys": f"""
        SELECT c.relname || '.', pg_get_partkeydef(c.oid) FROM pg_class c
        WHERE c.relkind = 'p' AND c.{_OURS}
    """,
    "comments": f"""
        SELECT c.relname || '.', obj_description(c.oid) FROM pg_class c
        WHERE c.relkind IN ('r', 'p') AND c.{_OURS}
    """,
}


def read_catalog(connection: Connection) -> dict[str, dict[str, str]]:
    """Everything about our tables, without partitions and Alembic's table; no views or rights."""
    return {
        topic: {
            name: definition
            for name, definition in connection.execute(text(sql))
            if not is_partition(name.partition(".")[0]) and not name.startswith("alembic_version.")
        }
        for topic, sql in _FACTS.items()
    }
