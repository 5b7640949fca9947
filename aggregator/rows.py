"""The rows that a room writes: one frozen struct per table, in the tables' units.

Ids of reference tables are slugs here; the store looks their numbers up. Times are whole seconds
of Unix time. What is not filled in is NULL.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from aggregator.score import SCORE_VERSION


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all rows."""


class MeetingRow(Row, frozen=True, kw_only=True):
    """Inserted when the meeting opens (`ended` None), completed when it closes."""

    meeting_id: int
    site: str
    room: str
    source_key: str
    class_slug: str
    planned: tuple[int, int] | None
    started: int
    ended: int | None
    policy_profile: str
    identity_mode: int
    ical_uid: str | None = None
    recurrence_id: int | None = None  # when a calendar's lesson was first to begin
    score_version: int = SCORE_VERSION  # under which it is held

    @property
    def status(self) -> str:
        """`running` or `held`."""
        return "running" if self.ended is None else "held"


class MeetingActivityRow(Row, frozen=True, kw_only=True):
    """What the class did from `start` to `end`; written when that is over."""

    meeting_id: int
    start: int
    end: int
    activity: str
    source: str  # 'timetable' or 'manual'


class SeatRow(Row, frozen=True, kw_only=True):
    """A seat that was proposed, not drawn: it needs a number before rows can name it."""

    room: str
    seat: str


class StudentRow(Row, frozen=True, kw_only=True):
    """The pseudonymous student of (class, seat, seating); inserted once, never changed."""

    student_id: int
    site: str


class ParticipationRow(Row, frozen=True, kw_only=True):
    """Inserted when a student's place locks for the first time; `present` at the close."""

    participation_id: int
    meeting_id: int
    room: str
    anon_no: int
    seat: str  # "": an anonymous place
    identity_source: str
    student_id: int | None = None
    present: tuple[tuple[int, int], ...] | None = None


class AttentionWindowRow(Row, frozen=True, kw_only=True):
    """`attention_windows`."""

    window_start: int
    participation_id: int
    meeting_id: int
    room: str
    cam_mask: int
    window_s: int
    score: int | None
    sum_x: int
    n_obs: int
    n_exp: int
    confidence: int
    n_front: int
    n_desk_recent: int
    n_desk_stale: int
    n_peer: int
    n_away: int
    n_noface: int
    eye_valid: int
    eye_closed: int
    yaw_med_cd: int | None
    pitch_med_cd: int | None
    motion_cd: int | None
    face_px: int | None
    missing_reason: int
    state: int
    score_version: int = SCORE_VERSION


class AttentionMinuteRow(Row, frozen=True, kw_only=True):
    """`attention_minutes`."""

    minute: int
    participation_id: int
    meeting_id: int
    sum_x: int
    n_obs: int
    n_exp: int
    confidence: int
    state: int
    direction_hist: bytes
    score_version: int = SCORE_VERSION


class ExpressionMinuteRow(Row, frozen=True, kw_only=True):
    """`expression_minutes`; exists only where policy permits."""

    minute: int
    participation_id: int
    meeting_id: int
    model_version: str
    n_obs: int
    p_sum: tuple[float, ...]


class MeetingMinuteRow(Row, frozen=True, kw_only=True):
    """`meeting_minutes`."""

    minute: int
    meeting_id: int
    site: str
    room: str
    minute_no: int
    score_mean: int | None
    score_p10: int | None
    score_p50: int | None
    synchrony: int | None
    n_exp: int  # students present
    n_scored: int
    coverage: int
    score_version: int = SCORE_VERSION
    rescored: bool = False  # `facepose rescore` sets it


class ParticipationSummaryRow(Row, frozen=True, kw_only=True):
    """`participation_summaries`."""

    meeting_start: int
    participation_id: int
    meeting_id: int
    site: str
    class_slug: str
    student_id: int | None = None
    score: int | None
    score_lo: int
    score_hi: int
    score_first25: int | None
    score_after25: int | None
    coverage: int
    confidence: int
    present_s: int
    observed_s: int
    low_s: int
    low_events: int
    face_px: int | None
    model_version: str | None
    score_version: int = SCORE_VERSION


class MeetingSummaryRow(Row, frozen=True, kw_only=True):
    """`meeting_summaries`."""

    meeting_id: int
    meeting_start: int
    site: str
    room: str
    class_slug: str
    score_mean: int | None
    score_early: int | None
    score_late: int | None
    slope_c10: int | None
    synchrony: int | None
    coverage: int
    n_enrolled: int
    n_present: int
    n_scored: int
    camera_down_s: int
    calibration_stale: bool = False
    ambiguous_s: int = 0  # seconds in which a seat had two candidates or lost its lock
    quality: str
    face_px: int | None
    model_version: str | None
    score_version: int = SCORE_VERSION


class CameraMinuteRow(Row, frozen=True, kw_only=True):
    """`camera_minutes`: every frame accounted for."""

    minute: int
    site: str
    camera: str
    frames_exp: int
    frames_published: int
    frames_analysed: int
    frames_expired: int
    frames_dead: int
    frames_lost: int
    frames_refused: int
    frames_late: int
    down_s: int
    frozen_s: int
    reconnects: int
    reconnect_causes: dict[str, int] | None
    max_gap_ms: int
    lat_p50_ms: int | None
    lat_p99_ms: int | None
    clock_offset_ms: int | None
    camera_offset_ms: int | None
    faces: float | None


class CalibrationRow(Row, frozen=True, kw_only=True):
    """A direction of the front that holds from `valid_from` on; closes the one before it."""

    room: str
    camera: str
    seat: str  # "": the whole camera
    method: str
    source: str  # 'measured' or 'command'
    yaw_deg: float
    pitch_deg: float
    mode_mass: float | None
    n_samples: int | None
    factor: float
    valid_from: int


class EventRow(Row, frozen=True, kw_only=True):
    """Something that a person should know; no names, no pictures."""

    ts: int
    event_id: int
    kind: str
    severity: int  # 1 to know, 2 to look at, 3 to act on
    site: str
    room: str
    camera: str = ""
    meeting_id: int | None = None
    participation_id: int | None = None
    payload: dict[str, Any] = {}


_PER_STUDENT: Final = (
    StudentRow,
    ParticipationRow,
    AttentionWindowRow,
    AttentionMinuteRow,
    ExpressionMinuteRow,
    ParticipationSummaryRow,
)

Rows = list[Row]


def is_per_student(row: Row) -> bool:
    """Whether the row says something about one student: locked where policy locks it."""
    return isinstance(row, _PER_STUDENT)
