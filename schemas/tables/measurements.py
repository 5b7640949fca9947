"""Measurements: windows, minutes and summaries, in native partitions.

Windows are partitioned by day, the rest by month. No foreign keys: they would cost more than the
rows, and retention drops whole partitions.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    REAL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from schemas.tables.base import key, metadata, optional, partitioned, required, time_index


def _time(name: str) -> Column[Any]:
    return required(name, DateTime(timezone=True))


attention_windows: Final = Table(
    "attention_windows",
    metadata,
    _time("window_start"),
    required("participation_id", BigInteger),
    required("meeting_id", BigInteger),
    required("room_id", Integer),
    required("cam_mask", Integer),  # bit cameras.mask_bit of every camera that saw the student
    required("window_s", SmallInteger),
    required("score_version", SmallInteger),
    optional("score", SmallInteger),
    required("sum_x", Integer),
    required("n_obs", SmallInteger),  # seconds observed of n_exp seconds of presence
    required("n_exp", SmallInteger),
    required("confidence", SmallInteger),
    required("n_front", SmallInteger),  # seconds with each label
    required("n_desk_recent", SmallInteger),
    required("n_desk_stale", SmallInteger),
    required("n_peer", SmallInteger),
    required("n_away", SmallInteger),
    required("n_noface", SmallInteger),
    required("eye_valid", SmallInteger),
    required("eye_closed", SmallInteger),
    optional("yaw_med_cd", SmallInteger),
    optional("pitch_med_cd", SmallInteger),
    optional("motion_cd", SmallInteger),
    optional("face_px", SmallInteger),  # median height of the face
    required("missing_reason", SmallInteger),  # SCORE: 0 none, 1 camera_down, … 9 not_analysed
    required("state", SmallInteger),
    PrimaryKeyConstraint("participation_id", "window_start", "score_version"),
    CheckConstraint("score BETWEEN 0 AND 10000", name="score"),
    CheckConstraint("n_obs <= n_exp", name="n_obs"),
    time_index("attention_windows", "window_start"),
    comment="10 s windows of one student: the unit of storage, not of display",
    **partitioned("window_start", "day"),
)

attention_minutes: Final = Table(
    "attention_minutes",
    metadata,
    _time("minute"),
    required("participation_id", BigInteger),
    required("meeting_id", BigInteger),
    required("score_version", SmallInteger),
    required("sum_x", Integer),
    required("n_obs", SmallInteger),
    required("n_exp", SmallInteger),
    required("confidence", SmallInteger),
    required("state", SmallInteger),
    optional("direction_hist", LargeBinary),  # 12 x 6 counts of (yaw, pitch) against the front
    PrimaryKeyConstraint("participation_id", "minute", "score_version"),
    comment="Minutes of one student: sums, never means of means",
    **partitioned("minute", "month"),
)

expression_minutes: Final = Table(
    "expression_minutes",
    metadata,
    _time("minute"),
    required("participation_id", BigInteger),
    required("meeting_id", BigInteger),
    required("model_version", Text),
    required("n_obs", SmallInteger),
    required("p_sum", ARRAY(REAL)),  # sums of probabilities, in the order messages.EXPRESSIONS
    PrimaryKeyConstraint("participation_id", "minute", "model_version"),
    CheckConstraint("cardinality(p_sum) = 7", name="p_sum"),
    comment="Expressions, only where policy permits; never an input of a score",
    **partitioned("minute", "month"),
)

meeting_minutes: Final = Table(
    "meeting_minutes",
    metadata,
    _time("minute"),
    required("meeting_id", BigInteger),
    required("site_id", SmallInteger),
    required("room_id", Integer),
    required("minute_no", SmallInteger),
    required("score_version", SmallInteger),
    optional("score_mean", SmallInteger),
    optional("score_p10", SmallInteger),
    optional("score_p50", SmallInteger),
    optional("synchrony", SmallInteger),
    required("n_exp", SmallInteger),
    required("n_scored", SmallInteger),
    required("coverage", SmallInteger),
    # computed later, beside the version under which the lesson was held
    required("rescored", Boolean, server_default=text("false")),
    PrimaryKeyConstraint("meeting_id", "minute", "score_version"),
    Index("meeting_minutes_site_id_minute_idx", "site_id", "minute"),
    comment="Minutes of a class",
    **partitioned("minute", "month"),
)

participation_summaries: Final = Table(
    "participation_summaries",
    metadata,
    _time("meeting_start"),
    required("participation_id", BigInteger),
    required("meeting_id", BigInteger),
    optional("student_id", BigInteger),
    required("site_id", SmallInteger),
    optional("class_id", Integer),
    required("score_version", SmallInteger),
    optional("score", SmallInteger),
    required("score_lo", SmallInteger),
    required("score_hi", SmallInteger),
    optional("score_first25", SmallInteger),
    optional("score_after25", SmallInteger),
    optional("baseline", SmallInteger),
    optional("baseline_mad", SmallInteger),
    required("coverage", SmallInteger),
    required("confidence", SmallInteger),
    required("present_s", Integer),
    required("observed_s", Integer),
    required("low_s", Integer),
    required("low_events", SmallInteger),
    optional("face_px", SmallInteger),  # median height of the face
    optional("model_version", Text),
    # computed later, beside the version under which the lesson was held
    required("rescored", Boolean, server_default=text("false")),
    PrimaryKeyConstraint("participation_id", "meeting_start", "score_version"),
    Index("participation_summaries_student_id_meeting_start_idx", "student_id", "meeting_start"),
    Index("participation_summaries_site_id_meeting_start_idx", "site_id", "meeting_start"),
    Index("participation_summaries_meeting_id_idx", "meeting_id"),
    comment="One student in one lesson",
    **partitioned("meeting_start", "month"),
)

meeting_summaries: Final = Table(
    "meeting_summaries",
    metadata,
    key("meeting_id", BigInteger, ForeignKey("meetings.meeting_id", ondelete="CASCADE")),
    key("score_version", SmallInteger, ForeignKey("score_versions.score_version")),
    required("meeting_start", DateTime(timezone=True)),
    required("site_id", SmallInteger),
    required("room_id", Integer),
    optional("class_id", Integer),
    optional("score_mean", SmallInteger),
    optional("score_early", SmallInteger),
    optional("score_late", SmallInteger),
    optional("slope_c10", SmallInteger),
    optional("synchrony", SmallInteger),
    required("coverage", SmallInteger),
    required("n_enrolled", SmallInteger),
    required("n_present", SmallInteger),
    required("n_scored", SmallInteger),
    required("camera_down_s", Integer),
    required("calibration_stale", Boolean, server_default=text("false")),
    # seconds of students in which a seat had two candidates or lost its lock
    required("ambiguous_s", Integer, server_default=text("0")),
    required("quality", Text),  # 'ok', or why the lesson is not reported
    optional("face_px", SmallInteger),
    optional("model_version", Text),
    # computed later, beside the version under which the lesson was held
    required("rescored", Boolean, server_default=text("false")),
    Index("meeting_summaries_site_id_meeting_start_idx", "site_id", "meeting_start"),
    Index("meeting_summaries_class_id_meeting_start_idx", "class_id", "meeting_start"),
    Index("meeting_summaries_meeting_start_idx", "meeting_start"),
    comment="One lesson",
)

site_day_curves: Final = Table(
    "site_day_curves",
    metadata,
    key("site_id", SmallInteger),
    key("day", Date),  # of the lesson's start, in the site's zone
    key("minute_no", SmallInteger),
    key("score_version", SmallInteger),
    required("sum_score", BigInteger),  # of score_mean x n_scored
    required("n_scored", Integer),  # student-minutes
    required("n_lessons", Integer),
    comment="The minute-of-lesson curve of a site's day: sums, never means of means",
)
