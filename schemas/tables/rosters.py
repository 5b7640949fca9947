"""Rosters: who a pseudonymous student is, what was consented, who is enrolled and sits where.

Names live in the schema `vault` alone, encrypted by the application; everything else knows students
by number and pseudonym. A range of validity is closed, never changed.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    TextClause,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import DATERANGE, TSTZRANGE, ExcludeConstraint

from schemas.tables.base import VAULT, key, metadata, optional, required


def _student() -> Column[Any]:
    return required("student_id", BigInteger, _of_student())


def _of_student() -> ForeignKey:
    return ForeignKey("students.student_id", ondelete="CASCADE")


def _same(column: str, type_: str = "int8range") -> TextClause:
    """A number as the range of itself: no extension is needed to exclude by it."""
    return text(f"{type_}({column}, {column}, '[]')")


identities: Final = Table(
    "identities",
    metadata,
    key("student_id", BigInteger, _of_student()),
    optional("sourced_id_hmac", LargeBinary),  # keyed hash of the roster's own id
    optional("name_enc", LargeBinary),  # AES-GCM
    required("key_id", Text),  # which of the application's keys opens it
    UniqueConstraint("sourced_id_hmac"),
    comment="The only place where a name lives: encrypted, readable by one role",
    schema=VAULT,
)

consents: Final = Table(
    "consents",
    metadata,
    required("consent_id", BigInteger, Identity(always=True), primary_key=True),
    _student(),
    # 1 presence, 2 individual score, 3 expression, 4 research export
    required("purpose", SmallInteger),
    required("granted", Boolean),
    required("granted_by", Text),
    required("notice_version", Text),
    optional("evidence_ref", Text),
    required("valid", TSTZRANGE),
    CheckConstraint("purpose BETWEEN 1 AND 4", name="purpose"),
    CheckConstraint(
        "granted_by IN ('guardian', 'student', 'both', 'school_basis')", name="granted_by"
    ),
    ExcludeConstraint(
        (_same("student_id"), "&&"),
        (_same("purpose", "int4range"), "&&"),
        # who spoke: no two of the words are of one length
        (_same("length(granted_by)", "int4range"), "&&"),
        ("valid", "&&"),
        using="gist",
        name="consents_valid_excl",
    ),
    Index("consents_student_id_idx", "student_id"),
    comment="What was consented or refused, for which purpose, by whom and when that held",
)

enrolments: Final = Table(
    "enrolments",
    metadata,
    required("class_id", Integer, ForeignKey("classes.class_id")),
    _student(),
    required("valid", DATERANGE),  # days in the site's zone
    ExcludeConstraint(
        (_same("class_id"), "&&"),
        (_same("student_id"), "&&"),
        ("valid", "&&"),
        using="gist",
        name="enrolments_valid_excl",
    ),
    Index("enrolments_student_id_idx", "student_id"),
    comment="Who belongs to a class, and from which day to which",
)

seating: Final = Table(
    "seating",
    metadata,
    required("class_id", Integer, ForeignKey("classes.class_id")),
    required("seat_id", Integer, ForeignKey("seats.seat_id")),
    _student(),
    required("valid", TSTZRANGE),
    ExcludeConstraint(
        (_same("class_id"), "&&"),
        (_same("seat_id"), "&&"),
        ("valid", "&&"),
        using="gist",
        name="seating_seat_excl",
    ),
    ExcludeConstraint(
        (_same("class_id"), "&&"),
        (_same("student_id"), "&&"),
        ("valid", "&&"),
        using="gist",
        name="seating_student_excl",
    ),
    Index("seating_student_id_idx", "student_id"),
    comment="Who sits where in the lessons of a class: one seat a student, one student a seat",
)
