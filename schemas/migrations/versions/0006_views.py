"""Views in plain words for people who write SQL; rows tell whether they were computed later.

The views' SQL stands in the folder beside this file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# In the order in which they are created: a later one may read an earlier one.
_FILES: Final = ("lessons", "students", "cameras", "reports")
# So that a view finds the version under which a lesson was held without reading the meeting, too.
_RESCORED: Final = ("meeting_minutes", "participation_summaries", "meeting_summaries")
_VIEWS: Final = (
    "v_lesson_versions",
    "v_lessons",
    "v_lesson_minutes",
    "v_site_curves",
    "v_lessons_not_reported",
    "v_lessons_without_data",
    "v_score_versions",
    "v_student_weeks",
    "v_seat_rows",
    "v_expressions",
    "v_camera_days",
    "v_room_days",
    "v_two_cameras",
    "v_calibration_moves",
    "v_events",
    "v_reports",
    "v_report_deliveries",
)


def upgrade() -> None:
    """Create every view with its words; who may read them is the next migration's matter."""
    for table in _RESCORED:
        no = sa.text("false")
        op.add_column(table, sa.Column("rescored", sa.Boolean(), server_default=no, nullable=False))
        # All lessons up to here were held under version 1.
        op.execute(f"UPDATE {table} SET rescored = true WHERE score_version <> 1")  # noqa: S608
    folder = Path(__file__).with_suffix("")
    for name in _FILES:
        sql = (folder / f"{name}.sql").read_text(encoding="utf-8")
        # without parameters a per cent sign is one
        op.get_bind().exec_driver_sql(sql, execution_options={"no_parameters": True})


def downgrade() -> None:
    """Drop them; no row is lost."""
    for view in reversed(_VIEWS):
        op.execute(f"DROP VIEW {view}")
    for table in _RESCORED:
        op.drop_column(table, "rescored")
