"""Roles, policy's locks, the audit, and the functions that read rows of single students."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_FOLDER: Final = Path(__file__).with_suffix("")
_FILES: Final = ("roles", "partitions", "audit", "locks", "reads")
_FUNCTIONS: Final = (
    "consent_gaps(text, text)",
    "class_students(text, text, text)",
    "student_drops(text, date, text)",
    "student_history(uuid, date, date, text)",
    "student_lessons(bigint, date, date)",
    "require_site(text)",
    "seats_were_sure(bigint)",
    "is_rostered(bigint)",
    "consent_holds(bigint, smallint, text, timestamptz)",
    "consent_times(bigint, smallint, text)",
    "purge_forbidden_rows(boolean)",
    "leave_erased_unlinked()",
    "refuse_forbidden_rows()",
    "lock_by_policy(regclass, text)",
    "audit_entries(date, date)",
    "audit_append(text, text, text, text, integer)",
    "audit_hash(bytea, bigint, timestamptz, text, text, text, text, text, text, integer)",
    "student_digest(uuid)",
    "drop_partition(text)",
    "create_partition(text, date, date)",
    "revoke_facepose_roles()",
    "grant_facepose_roles()",
    "create_facepose_roles()",
)
# With them go the triggers of the tables and of all their partitions.
_OF_TRIGGERS: Final = ("refuse_forbidden_rows()", "leave_erased_unlinked()")


def upgrade() -> None:
    """Functions and triggers first, then the roles that may use them."""
    for name in _FILES:
        _run((_FOLDER / f"{name}.sql").read_text(encoding="utf-8"))
    _run("SELECT create_facepose_roles()")
    _run("SELECT grant_facepose_roles()")


def downgrade() -> None:
    """Take all of it back; roles that another database or a login uses stay on the server."""
    _run("SELECT revoke_facepose_roles()")
    for function in _FUNCTIONS:
        cascade = "CASCADE" if function in _OF_TRIGGERS else ""
        _run(f"DROP FUNCTION {function} {cascade}")


def _run(sql: str) -> None:
    # Without parameters a per cent sign is one.
    op.get_bind().exec_driver_sql(sql, execution_options={"no_parameters": True})
