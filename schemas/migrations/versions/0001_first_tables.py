"""The first tables; their SQL stands alone in the file beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES: Final = (
    "room_leases",
    "room_state",
    "camera_minutes",
    "meeting_summaries",
    "participation_summaries",
    "meeting_minutes",
    "expression_minutes",
    "attention_minutes",
    "attention_windows",
    "participations",
    "meetings",
    "score_versions",
    "classes",
    "calibrations",
    "seat_regions",
    "seats",
    "cameras",
    "rooms",
    "sites",
    "orgs",
)


def upgrade() -> None:
    """Create every table and index; partitions are `schemas.partitions`' work."""
    sql = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(sql)


def downgrade() -> None:
    """Drop them all, with their partitions and rows."""
    for table in _TABLES:
        op.drop_table(table)
