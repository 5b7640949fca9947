"""Rosters and the vault, reports, safeguards, daily curves; the version of a held lesson."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NEW: Final = (
    "site_day_curves",
    "retention",
    "erasure_requests",
    "audit_log",
    "report_deliveries",
    "report_files",
    "report_runs",
    "report_defs",
    "seating",
    "enrolments",
    "consents",
)


def upgrade() -> None:
    """Expand: all scores up to here are of version 1, and a service of before writes no others."""
    op.execute("CREATE SCHEMA vault")
    op.add_column(
        "meetings",
        sa.Column("score_version", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
    )
    op.add_column("sites", sa.Column("retention", postgresql.JSONB()))
    # GiST serves no foreign key: without this index a meeting's deletion would read the table
    op.create_index("meeting_activities_meeting_id_idx", "meeting_activities", ["meeting_id"])
    _create_rosters()
    _create_reports()
    _create_safeguards()
    _create_curves()


def downgrade() -> None:
    """Back to 0004; names, consents, rosters, reports and the audit are lost."""
    for table in _NEW:
        op.drop_table(table)
    op.drop_table("identities", schema="vault")
    op.drop_index("meeting_activities_meeting_id_idx", "meeting_activities")
    op.drop_column("sites", "retention")
    op.drop_column("meetings", "score_version")
    op.execute("DROP SCHEMA vault")


def _create_rosters() -> None:
    op.create_table(
        "identities",
        sa.Column("student_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sourced_id_hmac", sa.LargeBinary()),
        sa.Column("name_enc", sa.LargeBinary()),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["student_id"],
            ["students.student_id"],
            name="identities_student_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("student_id", name="identities_pkey"),
        sa.UniqueConstraint("sourced_id_hmac", name="identities_sourced_id_hmac_key"),
        schema="vault",
        comment="The only place where a name lives: encrypted, readable by one role",
    )
    op.create_table(
        "consents",
        sa.Column("consent_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.SmallInteger(), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("granted_by", sa.Text(), nullable=False),
        sa.Column("notice_version", sa.Text(), nullable=False),
        sa.Column("evidence_ref", sa.Text()),
        sa.Column("valid", postgresql.TSTZRANGE(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(student_id, student_id, '[]')"), "&&"),
            (sa.text("int4range(purpose, purpose, '[]')"), "&&"),
            (sa.text("int4range(length(granted_by), length(granted_by), '[]')"), "&&"),
            ("valid", "&&"),
            using="gist",
            name="consents_valid_excl",
        ),
        sa.CheckConstraint(
            "granted_by IN ('guardian', 'student', 'both', 'school_basis')",
            name="granted_by",
        ),
        sa.CheckConstraint("purpose BETWEEN 1 AND 4", name="purpose"),
        sa.ForeignKeyConstraint(
            ["student_id"],
            ["students.student_id"],
            name="consents_student_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("consent_id", name="consents_pkey"),
        comment="What was consented or refused, for which purpose, by whom and when that held",
    )
    op.create_index("consents_student_id_idx", "consents", ["student_id"])
    op.create_table(
        "enrolments",
        sa.Column("class_id", sa.Integer(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(class_id, class_id, '[]')"), "&&"),
            (sa.text("int8range(student_id, student_id, '[]')"), "&&"),
            ("valid", "&&"),
            using="gist",
            name="enrolments_valid_excl",
        ),
        sa.ForeignKeyConstraint(
            ["class_id"], ["classes.class_id"], name="enrolments_class_id_fkey"
        ),
        sa.ForeignKeyConstraint(
            ["student_id"],
            ["students.student_id"],
            name="enrolments_student_id_fkey",
            ondelete="CASCADE",
        ),
        comment="Who belongs to a class, and from which day to which",
    )
    op.create_index("enrolments_student_id_idx", "enrolments", ["student_id"])
    op.create_table(
        "seating",
        sa.Column("class_id", sa.Integer(), nullable=False),
        sa.Column("seat_id", sa.Integer(), nullable=False),
        sa.Column("student_id", sa.BigInteger(), nullable=False),
        sa.Column("valid", postgresql.TSTZRANGE(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(class_id, class_id, '[]')"), "&&"),
            (sa.text("int8range(seat_id, seat_id, '[]')"), "&&"),
            ("valid", "&&"),
            using="gist",
            name="seating_seat_excl",
        ),
        postgresql.ExcludeConstraint(
            (sa.text("int8range(class_id, class_id, '[]')"), "&&"),
            (sa.text("int8range(student_id, student_id, '[]')"), "&&"),
            ("valid", "&&"),
            using="gist",
            name="seating_student_excl",
        ),
        sa.ForeignKeyConstraint(["class_id"], ["classes.class_id"], name="seating_class_id_fkey"),
        sa.ForeignKeyConstraint(["seat_id"], ["seats.seat_id"], name="seating_seat_id_fkey"),
        sa.ForeignKeyConstraint(
            ["student_id"],
            ["students.student_id"],
            name="seating_student_id_fkey",
            ondelete="CASCADE",
        ),
        comment="Who sits where in the lessons of a class: one seat a student, one student a seat",
    )
    op.create_index("seating_student_id_idx", "seating", ["student_id"])


def _create_reports() -> None:
    op.create_table(
        "report_defs",
        sa.Column("report_id", sa.Integer(), sa.Identity(), nullable=False),
        sa.Column("site_id", sa.SmallInteger(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "params", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("cron", sa.Text(), nullable=False),
        sa.Column("tz", sa.Text(), nullable=False),
        sa.Column(
            "recipients", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("formats", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.site_id"], name="report_defs_site_id_fkey"),
        sa.PrimaryKeyConstraint("report_id", name="report_defs_pkey"),
        sa.UniqueConstraint("site_id", "slug", name="report_defs_site_id_slug_key"),
        comment="Reports that the site file asks for; what left it is disabled",
    )
    op.create_table(
        "report_runs",
        sa.Column("run_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("period", postgresql.TSTZRANGE(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("holder", sa.Text()),
        sa.Column("fence", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True)),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("score_version", sa.SmallInteger()),
        sa.Column("left_out", postgresql.JSONB()),
        sa.Column("error", sa.Text()),
        sa.CheckConstraint("status IN ('waiting', 'running', 'done', 'failed')", name="status"),
        sa.ForeignKeyConstraint(
            ["report_id"], ["report_defs.report_id"], name="report_runs_report_id_fkey"
        ),
        sa.PrimaryKeyConstraint("run_id", name="report_runs_pkey"),
        sa.UniqueConstraint("report_id", "period", name="report_runs_report_id_period_key"),
        comment="One report of one period: made once",
    )
    op.create_index("report_runs_due_at_idx", "report_runs", ["due_at"])
    op.create_table(
        "report_files",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("per_student", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["report_runs.run_id"], name="report_files_run_id_fkey", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "name", name="report_files_pkey"),
        comment="The files of a run, byte for byte as they were sent",
    )
    op.create_table(
        "report_deliveries",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text()),
        sa.Column("status", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True)),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.Column("error", sa.Text()),
        sa.CheckConstraint("channel IN ('folder', 'mail', 'webhook')", name="channel"),
        sa.CheckConstraint(
            "status IN ('pending', 'sending', 'sent', 'in_doubt', 'failed')",
            name="status",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["report_runs.run_id"],
            name="report_deliveries_run_id_fkey",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "recipient", name="report_deliveries_pkey"),
        comment="A run on its way to one recipient: at least once, under one id",
    )
    op.create_index(
        "report_deliveries_status_next_at_idx", "report_deliveries", ["status", "next_at"]
    )


def _create_safeguards() -> None:
    op.create_table(
        "audit_log",
        sa.Column(
            "ts",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("audit_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("row_count", sa.Integer()),
        sa.Column("prev_hash", sa.LargeBinary()),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("audit_id", "ts", name="audit_log_pkey"),
        comment="Who read what about a student, and why; append-only",
        postgresql_partition_by="RANGE (ts)",
    )
    op.create_index("audit_log_object_ts_idx", "audit_log", ["object", "ts"])
    op.create_table(
        "erasure_requests",
        sa.Column("request_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("student_id", sa.BigInteger()),
        sa.Column("pseudonym_hmac", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.Column("receipt", postgresql.JSONB()),
        sa.PrimaryKeyConstraint("request_id", name="erasure_requests_pkey"),
        comment="Students to be forgotten, and the receipts",
    )
    op.create_index("erasure_requests_pseudonym_hmac_idx", "erasure_requests", ["pseudonym_hmac"])
    op.create_table(
        "retention",
        sa.Column("table_name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("keep", postgresql.INTERVAL(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("table_name", name="retention_pkey"),
        comment="How long rows are kept: the longest time that any site of this database asks for",
    )


def _create_curves() -> None:
    op.create_table(
        "site_day_curves",
        sa.Column("site_id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), autoincrement=False, nullable=False),
        sa.Column("minute_no", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("score_version", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("sum_score", sa.BigInteger(), nullable=False),
        sa.Column("n_scored", sa.Integer(), nullable=False),
        sa.Column("n_lessons", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "site_id", "day", "minute_no", "score_version", name="site_day_curves_pkey"
        ),
        comment="The minute-of-lesson curve of a site's day: sums, never means of means",
    )
