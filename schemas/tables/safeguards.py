"""Safeguards: who read a student's rows, what has to be erased, how long rows are kept."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import INTERVAL, JSONB

from schemas.tables.base import key, metadata, optional, partitioned, required

audit_log: Final = Table(
    "audit_log",
    metadata,
    required("ts", DateTime(timezone=True), server_default=text("clock_timestamp()")),
    required("audit_id", BigInteger, Identity(always=True)),
    required("actor", Text),
    required("role", Text),
    required("action", Text),
    required("object", Text),
    optional("object_id", Text),
    optional("reason", Text),
    optional("row_count", Integer),
    optional("prev_hash", LargeBinary),  # of the entry before: a missing one shows
    required("hash", LargeBinary),
    PrimaryKeyConstraint("audit_id", "ts"),
    Index("audit_log_object_ts_idx", "object", "ts"),
    comment="Who read what about a student, and why; append-only",
    **partitioned("ts", "month"),
)

erasure_requests: Final = Table(
    "erasure_requests",
    metadata,
    required("request_id", BigInteger, Identity(always=True), primary_key=True),
    optional("student_id", BigInteger),  # no foreign key: the request outlives the student
    required("pseudonym_hmac", LargeBinary),  # keyed hash: erases again after a restored back-up
    required("received_at", DateTime(timezone=True)),
    required("due_at", DateTime(timezone=True)),
    optional("done_at", DateTime(timezone=True)),
    optional("receipt", JSONB(none_as_null=True)),
    Index("erasure_requests_pseudonym_hmac_idx", "pseudonym_hmac"),
    comment="Students to be forgotten, and the receipts",
)

retention: Final = Table(
    "retention",
    metadata,
    key("table_name", Text),
    required("keep", INTERVAL),
    required("unit", Text),  # what is dropped at once: a partition's 'day' or 'month', or a 'row'
    comment="How long rows are kept: the longest time that any site of this database asks for",
)
