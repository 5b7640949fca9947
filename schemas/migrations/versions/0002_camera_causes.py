"""Camera minutes tell why connections ended, of frozen pictures and of the camera's clock."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLE: Final = "camera_minutes"


def upgrade() -> None:
    """Expand: what runs today must run on. Partitions take the columns from their parent."""
    op.add_column(_TABLE, sa.Column("reconnect_causes", postgresql.JSONB(), nullable=True))
    op.add_column(_TABLE, sa.Column("camera_offset_ms", sa.Integer(), nullable=True))
    op.add_column(
        _TABLE,
        sa.Column("frozen_s", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
    )


def downgrade() -> None:
    """Back to 0001; what the columns told is lost."""
    for column in ("frozen_s", "camera_offset_ms", "reconnect_causes"):
        op.drop_column(_TABLE, column)
