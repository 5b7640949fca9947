"""Reports: what is to be made and for whom, what was made, and where it went."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSTZRANGE

from schemas.tables.base import key, metadata, optional, required, slug


def _time(name: str) -> Column[Any]:
    return optional(name, DateTime(timezone=True))


def _run() -> Column[Any]:
    return key("run_id", BigInteger, ForeignKey("report_runs.run_id", ondelete="CASCADE"))


report_defs: Final = Table(
    "report_defs",
    metadata,
    required("report_id", Integer, Identity(), primary_key=True),
    required("site_id", SmallInteger, ForeignKey("sites.site_id")),
    slug(),
    required("kind", Text),  # 'daily_operations', 'weekly_class', …
    required("params", JSONB, server_default=text("'{}'::jsonb")),
    required("cron", Text),  # in `tz`
    required("tz", Text),
    required("recipients", JSONB, server_default=text("'[]'::jsonb")),
    required("formats", ARRAY(Text)),
    required("enabled", Boolean, server_default=text("true")),
    UniqueConstraint("site_id", "slug"),
    comment="Reports that the site file asks for; what left it is disabled",
)

report_runs: Final = Table(
    "report_runs",
    metadata,
    required("run_id", BigInteger, Identity(always=True), primary_key=True),
    required("report_id", Integer, ForeignKey("report_defs.report_id")),
    required("period", TSTZRANGE),
    required("due_at", DateTime(timezone=True)),
    required("status", Text, server_default=text("'waiting'")),
    required("attempt", SmallInteger, server_default=text("0")),
    optional("holder", Text),  # which scheduler makes it, and until when by the database's clock
    required("fence", BigInteger, server_default=text("0")),
    _time("until"),
    _time("started_at"),
    _time("finished_at"),
    optional("score_version", SmallInteger),
    optional("left_out", JSONB(none_as_null=True)),  # lessons that were not closed in time
    optional("error", Text),
    UniqueConstraint("report_id", "period"),
    CheckConstraint("status IN ('waiting', 'running', 'done', 'failed')", name="status"),
    Index("report_runs_due_at_idx", "due_at"),
    comment="One report of one period: made once",
)

report_files: Final = Table(
    "report_files",
    metadata,
    _run(),
    required("name", Text, primary_key=True),
    required("media_type", Text),
    required("sha256", Text),
    required("content", LargeBinary),
    required("per_student", Boolean, server_default=text("false")),  # erased with the student
    comment="The files of a run, byte for byte as they were sent",
)

report_deliveries: Final = Table(
    "report_deliveries",
    metadata,
    _run(),
    required("recipient", Text, primary_key=True),
    required("channel", Text),
    optional("message_id", Text),  # fixed for run and recipient: a repeated message is known again
    required("status", Text, server_default=text("'pending'")),
    required("attempt", SmallInteger, server_default=text("0")),
    _time("next_at"),
    _time("sent_at"),
    optional("error", Text),
    CheckConstraint("channel IN ('folder', 'mail', 'webhook')", name="channel"),
    CheckConstraint(
        "status IN ('pending', 'sending', 'sent', 'in_doubt', 'failed')", name="status"
    ),
    Index("report_deliveries_status_next_at_idx", "status", "next_at"),
    comment="A run on its way to one recipient: at least once, under one id",
)
