"""Alembic's entry point; `schemas.database` hands over the connection, there is no alembic.ini."""

from __future__ import annotations

from alembic import context

from schemas.errors import SettingsError
from schemas.partitions import is_partition
from schemas.tables import metadata
from schemas.tables.base import VAULT


def _include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Leave out partitions, which come and go with the days, and schemas that are not ours."""
    if kind == "schema":
        return name in {None, VAULT}
    return not (kind == "table" and name is not None and is_partition(name))


def _run() -> None:
    attributes = context.config.attributes
    if "connection" not in attributes:
        raise SettingsError("migrations run through `facepose db upgrade`")
    context.configure(
        connection=attributes["connection"],
        target_metadata=metadata,
        include_name=_include_name,
        include_schemas=True,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
        on_version_apply=attributes.get("on_version_apply"),
    )
    with context.begin_transaction():
        context.run_migrations()


_run()
