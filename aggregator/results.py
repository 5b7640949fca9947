"""From sums to rows: the only place where numbers are rounded (half to even)."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Final

from aggregator.meetings import ical_parts
from aggregator.people import ClassMinute, Meeting, Person, median_of_counts
from aggregator.rows import (
    AttentionMinuteRow,
    AttentionWindowRow,
    ExpressionMinuteRow,
    MeetingMinuteRow,
    MeetingRow,
    MeetingSummaryRow,
    ParticipationRow,
    ParticipationSummaryRow,
)
from aggregator.score import Label, round_half_even, synchrony
from aggregator.windows import State, Sums, class_score, percentile

EARLY_MINUTES: Final = (5, 25)
LOST_POINTS: Final = 8.0
_MIN_PART_MINUTES: Final = 10
_MIN_LESSON_COVERAGE: Final = 0.4
_INT16: Final = 2**15 - 1


def x100(value: float | None) -> int | None:
    """A score or an angle in the tables' unit."""
    return None if value is None else round_half_even(100.0 * value)


def x1000(value: float) -> int:
    """A share in the tables' unit."""
    return round_half_even(1000.0 * value)


def meeting_row(meeting: Meeting, site: str, room: str, ended: int | None = None) -> MeetingRow:
    """The meeting as it opens, or with its end."""
    ical_uid, recurrence_id = ical_parts(meeting.source_key) or (None, None)
    return MeetingRow(
        meeting_id=meeting.meeting_id,
        site=site,
        room=room,
        source_key=meeting.source_key,
        class_slug=meeting.class_slug,
        planned=meeting.planned,
        started=meeting.started,
        ended=ended,
        policy_profile=meeting.profile,
        identity_mode=meeting.identity_mode,
        ical_uid=ical_uid,
        recurrence_id=recurrence_id,
    )


def participation_row(
    meeting: Meeting, person: Person, room: str, *, complete: bool = False
) -> ParticipationRow:
    """The student's place in the meeting; with the seconds of presence when it is over."""
    return ParticipationRow(
        participation_id=person.participation_id,
        meeting_id=meeting.meeting_id,
        room=room,
        anon_no=person.anon_no,
        seat=person.seat,
        identity_source="seat" if person.seat else "anonymous",
        student_id=person.student_id,
        present=tuple(person.present) if complete else None,
    )


def window_row(
    meeting: Meeting, person: Person, room: str, start: int, window_s: int
) -> AttentionWindowRow:
    """The window that ends; updates the student's slow state."""
    sums = person.window
    state = person.show(start, window_s, class_shift=meeting.class_shift)
    return AttentionWindowRow(
        window_start=start,
        participation_id=person.participation_id,
        meeting_id=meeting.meeting_id,
        room=room,
        cam_mask=sums.cam_mask,
        window_s=window_s,
        score=x100(sums.score),
        sum_x=round_half_even(100.0 * sums.sum_x),
        n_obs=sums.n_obs,
        n_exp=sums.n_exp,
        confidence=x1000(sums.confidence),
        n_front=sums.labels[Label.FRONT],
        n_desk_recent=sums.labels[Label.DESK_RECENT],
        n_desk_stale=sums.labels[Label.DESK_STALE],
        n_peer=sums.labels[Label.PEER],
        n_away=sums.labels[Label.AWAY],
        n_noface=sums.no_face_s,
        eye_valid=sums.eye_valid,
        eye_closed=sums.eye_closed,
        yaw_med_cd=x100(_median(sums.yaws)),
        pitch_med_cd=x100(_median(sums.pitches)),
        motion_cd=_smallint(x100(sums.motion_deg)),
        face_px=_smallint(_whole(_median(sums.faces_px))),
        missing_reason=int(sums.missing_reason),
        state=int(state),
    )


def minute_row(meeting: Meeting, person: Person, minute: int) -> AttentionMinuteRow:
    """One student's minute."""
    sums = person.minute
    return AttentionMinuteRow(
        minute=minute,
        participation_id=person.participation_id,
        meeting_id=meeting.meeting_id,
        sum_x=round_half_even(100.0 * sums.sum_x),
        n_obs=sums.n_obs,
        n_exp=sums.n_exp,
        confidence=x1000(sums.confidence),
        state=int(State.UNKNOWN) if sums.exam_s else person.display.state,
        direction_hist=sums.direction_hist,
    )


def expression_row(meeting: Meeting, person: Person, minute: int) -> ExpressionMinuteRow:
    """One student's expressions in a minute; only where policy permits."""
    return ExpressionMinuteRow(
        minute=minute,
        participation_id=person.participation_id,
        meeting_id=meeting.meeting_id,
        model_version=person.expression.model_version,
        n_obs=person.expression.n_obs,
        p_sum=tuple(person.expression.p_sum),
    )


def class_minute(meeting: Meeting, site: str, room: str, minute: int) -> MeetingMinuteRow:
    """The class's minute; also kept for the meeting's summary."""
    minutes = [person.minute for person in meeting.people.values() if person.minute.n_exp]
    scores = [sums.score for sums in minutes if sums.score is not None]
    mean = class_score(scores, len(minutes), meeting.smallest_group)
    minute_no = (minute - meeting.start // 60 * 60) // 60
    meeting.minutes.append(ClassMinute(minute_no, mean, meeting.minute_activity))
    together = synchrony(meeting.front_shares) if mean is not None else None
    return MeetingMinuteRow(
        minute=minute,
        meeting_id=meeting.meeting_id,
        site=site,
        room=room,
        minute_no=minute_no,
        score_mean=x100(mean),
        score_p10=x100(percentile(scores, 0.1)) if mean is not None else None,
        score_p50=x100(percentile(scores, 0.5)) if mean is not None else None,
        synchrony=x1000(together) if together is not None else None,
        n_exp=len(minutes),
        n_scored=len(scores),
        coverage=x1000(_coverage(minutes)),
    )


def participation_summary(meeting: Meeting, person: Person, site: str) -> ParticipationSummaryRow:
    """One student's lesson."""
    low, high = person.lesson.bounds
    return ParticipationSummaryRow(
        meeting_start=meeting.start,
        participation_id=person.participation_id,
        meeting_id=meeting.meeting_id,
        site=site,
        class_slug=meeting.class_slug,
        student_id=person.student_id,
        score=x100(person.lesson.lesson_score),
        score_lo=round_half_even(100.0 * low),
        score_hi=round_half_even(100.0 * high),
        score_first25=x100(person.first25.lesson_score),
        score_after25=x100(person.after25.lesson_score),
        coverage=x1000(person.lesson.coverage),
        confidence=x1000(person.lesson.confidence),
        present_s=person.lesson.n_exp,
        observed_s=person.lesson.n_obs,
        low_s=person.low_s,
        low_events=person.low_events,
        face_px=_smallint(person.median_face_px),
        model_version=meeting.model_version or None,
    )


def meeting_summary(meeting: Meeting, site: str, room: str, ended: int) -> MeetingSummaryRow:
    """The class's lesson."""
    people = list(meeting.people.values())
    scores = [p.lesson.lesson_score for p in people if p.lesson.lesson_score is not None]
    mean = class_score(scores, meeting.n_present, meeting.smallest_group)
    coverage = _coverage([person.lesson for person in people])
    early, late = early_and_late(meeting.minutes, (ended - meeting.start) // 60)
    together = meeting.synchrony_sum / meeting.synchrony_s if meeting.synchrony_s else None
    return MeetingSummaryRow(
        meeting_id=meeting.meeting_id,
        meeting_start=meeting.start,
        site=site,
        room=room,
        class_slug=meeting.class_slug,
        score_mean=x100(mean),
        score_early=x100(early),
        score_late=x100(late),
        slope_c10=x100(slope_per_10_min(meeting.minutes)),
        synchrony=x1000(together) if together is not None else None,
        coverage=x1000(coverage),
        n_enrolled=0,
        n_present=meeting.n_present,
        n_scored=len(scores),
        camera_down_s=meeting.camera_down_s,
        calibration_stale=meeting.calibration_stale,
        ambiguous_s=meeting.seat_changes.ambiguous_s,
        quality=_quality(meeting, mean, coverage, ended - meeting.started),
        face_px=_class_face_px(people),
        model_version=meeting.model_version or None,
    )


def early_and_late(
    minutes: Sequence[ClassMinute], length_min: int
) -> tuple[float | None, float | None]:
    """Medians of class minutes [5, 25) and [25, end - 2); 10 valid ones each, same activity."""
    begin, middle = EARLY_MINUTES
    valid = [m for m in minutes if m.score is not None and begin <= m.minute_no < length_min - 2]
    early = [m.score for m in valid if m.minute_no < middle and m.score is not None]
    late = [m.score for m in valid if m.minute_no >= middle and m.score is not None]
    same_activity = len({m.activity for m in valid}) == 1
    if min(len(early), len(late)) < _MIN_PART_MINUTES or not same_activity:
        return None, None
    return median(early), median(late)


def is_lost(early: float | None, late: float | None) -> bool:
    """Whether a lesson lost its class after 25 minutes: 8 points or more between the medians."""
    return early is not None and late is not None and early - late >= LOST_POINTS


def slope_per_10_min(minutes: Sequence[ClassMinute]) -> float | None:
    """Least-squares slope of the class minutes, points per 10 minutes."""
    points = [(m.minute_no, m.score) for m in minutes if m.score is not None]
    if len(points) < _MIN_PART_MINUTES:
        return None
    t_mean = sum(t for t, _ in points) / len(points)
    s_mean = sum(s for _, s in points) / len(points)
    spread = sum((t - t_mean) ** 2 for t, _ in points)
    return 10.0 * sum((t - t_mean) * (s - s_mean) for t, s in points) / spread if spread else None


def _coverage(sums: Sequence[Sums]) -> float:
    expected = sum(s.n_exp for s in sums)
    return sum(s.n_obs + s.exam_seen_s for s in sums) / expected if expected else 0.0


def _quality(meeting: Meeting, mean: float | None, coverage: float, length_s: int) -> str:
    if meeting.people:
        return lesson_quality(mean, coverage, length_s)
    return "camera_down" if 2 * meeting.camera_down_s > length_s else "nobody"


def lesson_quality(mean: float | None, coverage: float, length_s: int) -> str:
    """'ok', or why the lesson is not reported."""
    if mean is not None:
        return "ok"
    if length_s < 300:
        return "too_short"
    return "low_coverage" if coverage < _MIN_LESSON_COVERAGE else "too_few_scored"


def _class_face_px(people: Sequence[Person]) -> int | None:
    counts: dict[int, int] = {}
    for person in people:
        for px, seconds in person.faces_px.items():
            counts[px] = counts.get(px, 0) + seconds
    return _smallint(median_of_counts(counts))


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _smallint(value: int | None) -> int | None:
    return None if value is None else min(value, _INT16)


def _whole(value: float | None) -> int | None:
    return None if value is None else round_half_even(value)
