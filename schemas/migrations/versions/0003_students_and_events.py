"""Pseudonymous students, events, measured calibrations and proposed seats."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STUDENT_ID: Final = ("participations", "participation_summaries")


def upgrade() -> None:
    """Expand: what runs today must run on; `student_id` was NULL everywhere, so it may widen."""
    _create_students()
    _create_events()
    for table in _STUDENT_ID:
        op.alter_column(table, "student_id", type_=sa.BigInteger())
    op.create_foreign_key(
        "participations_student_id_fkey",
        "participations",
        "students",
        ["student_id"],
        ["student_id"],
        ondelete="SET NULL",
    )
    op.add_column("rooms", sa.Column("seats_confirmed_at", sa.DateTime(timezone=True)))
    _add("seats", "proposed", sa.Boolean(), "false")
    _add("calibrations", "source", sa.Text(), "'site_file'")
    op.create_check_constraint(
        "source", "calibrations", "source IN ('site_file', 'command', 'measured')"
    )
    _add("meeting_summaries", "ambiguous_s", sa.Integer(), "0")


def downgrade() -> None:
    """Back to 0002; students, events and what the columns told are lost."""
    op.drop_column("meeting_summaries", "ambiguous_s")
    op.drop_column("calibrations", "source")
    op.drop_column("seats", "proposed")
    op.drop_column("rooms", "seats_confirmed_at")
    op.drop_constraint("participations_student_id_fkey", "participations")
    for table in _STUDENT_ID:
        op.execute(f"UPDATE {table} SET student_id = NULL")  # noqa: S608  names of ours
        op.alter_column(table, "student_id", type_=sa.Integer())
    op.drop_table("events")
    op.drop_table("students")


def _add(table: str, column: str, kind: sa.types.TypeEngine[Any], default: str) -> None:
    op.add_column(table, sa.Column(column, kind, server_default=sa.text(default), nullable=False))


def _create_students() -> None:
    op.create_table(
        "students",
        sa.Column("student_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("site_id", sa.SmallInteger(), nullable=False),
        sa.Column("pseudonym", postgresql.UUID(as_uuid=True), nullable=False),
        sa.Column("birth_year", sa.SmallInteger()),
        sa.Column("status", sa.Text(), server_default=sa.text("'active'"), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("student_id", name="students_pkey"),
        sa.ForeignKeyConstraint(["site_id"], ["sites.site_id"], name="students_site_id_fkey"),
        sa.UniqueConstraint("pseudonym", name="students_pseudonym_key"),
        comment="Who sits in a class's seat from one day on; no names",
    )


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("ts", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("site_id", sa.SmallInteger()),
        sa.Column("room_id", sa.Integer()),
        sa.Column("camera_id", sa.Integer()),
        sa.Column("meeting_id", sa.BigInteger()),
        sa.Column("participation_id", sa.BigInteger()),
        sa.Column(
            "payload", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.PrimaryKeyConstraint("event_id", "ts", name="events_pkey"),
        comment="What people should know: seats that changed, cameras that were moved",
        postgresql_partition_by="RANGE (ts)",
    )
    op.create_index("events_kind_ts_idx", "events", ["kind", "ts"])
