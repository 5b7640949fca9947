"""What classes did, and from when to when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Expand: a service of the version before does not know the table and writes nothing to it."""
    op.create_table(
        "meeting_activities",
        sa.Column("meeting_id", sa.BigInteger(), nullable=False),
        sa.Column("during", postgresql.TSTZRANGE(), nullable=False),
        sa.Column("activity", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["meeting_id"],
            ["meetings.meeting_id"],
            name="meeting_activities_meeting_id_fkey",
            ondelete="CASCADE",
        ),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(meeting_id, meeting_id, '[]')"), "&&"),
            ("during", "&&"),
            using="gist",
            name="meeting_activities_during_excl",
        ),
        comment="What a class did in its lesson, one row a stretch of time",
    )


def downgrade() -> None:
    """Back to 0003; what classes did is lost."""
    op.drop_table("meeting_activities")
