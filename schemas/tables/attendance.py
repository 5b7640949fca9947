"""Meetings, students and who took part; the aggregator makes ids: 63-bit hashes of natural keys."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    REAL,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import TSTZMULTIRANGE, TSTZRANGE, UUID, ExcludeConstraint

from schemas.tables.base import key, metadata, optional, required

meetings: Final = Table(
    "meetings",
    metadata,
    key("meeting_id", BigInteger),  # hash of (room, source_key)
    required("room_id", Integer, ForeignKey("rooms.room_id")),
    required("site_id", SmallInteger, ForeignKey("sites.site_id")),
    optional("class_id", Integer, ForeignKey("classes.class_id")),
    optional("planned", TSTZRANGE),  # NULL: opened by presence, not by a timetable
    optional("actual", TSTZRANGE),
    required("status", Text, server_default=text("'planned'")),
    optional("ical_uid", Text),
    optional("recurrence_id", DateTime(timezone=True)),
    required("policy_profile", Text),
    required("identity_mode", SmallInteger),  # 0 anonymous, 1 by seat map
    required("source_key", Text),  # ical:UID:RECURRENCE, site:RULE:START, auto:START, film:START
    # the version under which it was held; other versions have been computed later
    required("score_version", SmallInteger, server_default=text("1")),
    UniqueConstraint("room_id", "source_key"),
    ExcludeConstraint(
        (text("int8range(room_id, room_id, '[]')"), "&&"),
        ("planned", "&&"),
        using="gist",
        where=text("status <> 'cancelled'"),
        name="meetings_planned_excl",
    ),
    Index("meetings_site_id_planned_idx", "site_id", text("lower(planned)")),
    Index("meetings_class_id_planned_idx", "class_id", text("lower(planned)")),
    comment="Lessons, from the timetable or opened by presence",
)

meeting_activities: Final = Table(
    "meeting_activities",
    metadata,
    required("meeting_id", BigInteger, ForeignKey("meetings.meeting_id", ondelete="CASCADE")),
    required("during", TSTZRANGE),
    required("activity", Text),
    required("source", Text),  # 'timetable', 'manual'
    ExcludeConstraint(
        (text("int8range(meeting_id, meeting_id, '[]')"), "&&"),
        ("during", "&&"),
        using="gist",
        name="meeting_activities_during_excl",
    ),
    Index("meeting_activities_meeting_id_idx", "meeting_id"),
    comment="What a class did in its lesson, one row a stretch of time",
)

students: Final = Table(
    "students",
    metadata,
    key("student_id", BigInteger),  # hash of (site, class, room, seat, first day of the seating)
    required("site_id", SmallInteger, ForeignKey("sites.site_id")),
    required("pseudonym", UUID(as_uuid=True)),  # hash of student_id: no name is behind it
    optional("birth_year", SmallInteger),
    required("status", Text, server_default=text("'active'")),
    optional("erased_at", DateTime(timezone=True)),
    UniqueConstraint("pseudonym"),
    comment="Who sits in a class's seat from one day on; no names",
)

participations: Final = Table(
    "participations",
    metadata,
    key("participation_id", BigInteger),  # hash of (meeting, seat label or anonymous number)
    required("meeting_id", BigInteger, ForeignKey("meetings.meeting_id", ondelete="CASCADE")),
    optional("student_id", BigInteger, ForeignKey("students.student_id", ondelete="SET NULL")),
    required("anon_no", SmallInteger),
    optional("seat_id", Integer, ForeignKey("seats.seat_id")),  # NULL: no plan was drawn
    required("identity_source", Text),
    required("identity_conf", REAL, server_default=text("0")),
    optional("present", TSTZMULTIRANGE),
    UniqueConstraint("meeting_id", "anon_no"),
    CheckConstraint(
        "identity_source IN "
        "('anonymous', 'seat', 'seat_confirmed', 'template', 'seat+template', 'manual')",
        name="identity_source",
    ),
    Index(
        "participations_meeting_id_student_id_key",
        "meeting_id",
        "student_id",
        unique=True,
        postgresql_where=text("student_id IS NOT NULL"),
    ),
    Index("participations_student_id_meeting_id_idx", "student_id", "meeting_id"),
    comment="One student, known by seat or number, in one meeting",
)
