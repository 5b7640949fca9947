"""Views in plain words for people who write SQL; their SQL stands in the folder beside this."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# In the order in which they are created: a later one may read an earlier one.
_FILES: Final = ("lessons", "students", "cameras", "reports")
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
    folder = Path(__file__).with_suffix("")
    for name in _FILES:
        sql = (folder / f"{name}.sql").read_text(encoding="utf-8")
        op.get_bind().exec_driver_sql(sql.replace("%", "%%"))  # the driver's placeholders


def downgrade() -> None:
    """Drop them; no row is lost."""
    for view in reversed(_VIEWS):
        op.execute(f"DROP VIEW {view}")
