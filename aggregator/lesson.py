"""What happens in a meeting each second, and the rows that fall due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aggregator.cameras import Sighting, is_present, views_of_students
from aggregator.cells import Cell, cells_of_second, unseen_cell
from aggregator.claims import Sight
from aggregator.meetings import (
    ABSENCE_S,
    MAX_AUTOMATIC_S,
    automatic_source_key,
    film_source_key,
    hash_id,
)
from aggregator.people import EARLY_S, ExpressionSums, Meeting, Person
from aggregator.results import (
    class_minute,
    expression_row,
    meeting_row,
    meeting_summary,
    minute_row,
    participation_row,
    participation_summary,
    window_row,
)
from aggregator.rows import Rows, SeatRow
from aggregator.score import EXAM, Reason, is_scored
from aggregator.students import student_id, student_rows
from aggregator.timetable import Planned
from aggregator.windows import MinuteSums, WindowSums
from schemas.messages import RoomPlan
from schemas.room_plan import RecordedMeeting

MINUTE_S = 60
Sightings = Mapping[str, Sequence[Sighting]]  # by place, over all cameras


def open_meeting(plan: RoomPlan, second: int, planned: Planned | None) -> Meeting:
    """A lesson of the timetable, or a meeting that presence opens at `second`."""
    return _new_meeting(
        plan,
        second,
        source_key=planned.source_key if planned else automatic_source_key(second),
        class_slug=planned.class_slug if planned else "",
        activity=planned.activity if planned else "unknown",
        planned=(planned.start, planned.end) if planned else None,
    )


def open_recording(plan: RoomPlan, recording: RecordedMeeting) -> Meeting:
    """The meeting of a run: it is held whether or not anybody is seen in the film."""
    return _new_meeting(
        plan,
        recording.start,
        source_key=film_source_key(recording.start),
        class_slug=recording.class_id,
        activity=recording.activity,
        planned=None,
    )


def _new_meeting(
    plan: RoomPlan,
    second: int,
    *,
    source_key: str,
    class_slug: str,
    activity: str,
    planned: tuple[int, int] | None,
) -> Meeting:
    return Meeting(
        meeting_id=hash_id(plan.site_id, plan.room_id, source_key),
        source_key=source_key,
        class_slug=class_slug,
        activity=activity,
        planned=planned,
        started=second,
        last_seen=second,
        profile=plan.policy.profile,
        per_student=plan.policy.per_student,
        expression=plan.policy.expression,
        identity_mode=plan.policy.identity_mode,
        k=plan.policy.k,
    )


def tighten_policy(meeting: Meeting, plan: RoomPlan) -> None:
    """A stricter plan holds at once, a looser one from the next meeting on."""
    meeting.per_student = meeting.per_student and plan.policy.per_student
    meeting.expression = meeting.expression and plan.policy.expression
    meeting.k = max(meeting.k, plan.policy.k)
    if not meeting.expression:
        for person in meeting.people.values():
            person.expression = ExpressionSums()


def end_of_meeting(
    meeting: Meeting, second: int, all_ended_at: int, *, recorded: bool = False
) -> int | None:
    """The second in which the meeting ended, when `second` lies behind it.

    Args:
        meeting: the open one.
        second: the second about to be finalised.
        all_ended_at: first second after all cameras were closed cleanly; 0: one still runs.
        recorded: it is a recording's: only the films' end closes it.
    """
    if recorded:
        return second if all_ended_at and second >= all_ended_at else None
    if meeting.planned:
        return meeting.planned[1] if second >= meeting.planned[1] else None
    if second - meeting.last_seen > ABSENCE_S:
        return meeting.last_seen + 1
    if (all_ended_at and second >= all_ended_at) or second - meeting.started >= MAX_AUTOMATIC_S:
        return second
    return None


def attend(
    meeting: Meeting,
    plan: RoomPlan,
    second: int,
    sightings: Sightings,
    activity: str,
    proposed: Sequence[str] = (),
) -> Rows:
    """Count one second of everybody who is present; the rows of those who are new.

    Args:
        meeting: that is being held.
        plan: in force.
        second: the one that is finalised.
        sightings: by the key of a person in the meeting.
        activity: of the class.
        proposed: labels of the seats that nobody drew.
    """
    rows: Rows = []
    present = [(key, seen) for key, seen in sorted(sightings.items()) if is_present(seen)]
    people: list[Person] = []
    meeting.minute_activity = activity
    for key, seen in present:
        person = meeting.people.get(key)
        if person is None:
            person = meeting.people[key] = _new_person(meeting, plan, key, proposed)
            if person.seat in proposed:
                rows.append(SeatRow(room=plan.room_id, seat=person.seat))
            rows += student_rows(person.student_id, plan)
            rows.append(participation_row(meeting, person, plan.room_id))
        people.append(person)
        if meeting.expression and activity != EXAM:
            _add_expression(meeting, person, seen)
        if any(sighting.sight == Sight.SEEN for sighting in seen):
            meeting.last_seen = second
    cells = _cells(people, second, [seen for _, seen in present], activity)
    early = second < meeting.start + EARLY_S
    for person, cell in zip(people, cells, strict=True):
        person.add(cell, early=early)
    meeting.add_class_second(cells)
    return rows


def due_rows(meeting: Meeting, plan: RoomPlan, end: int, *, closing: bool = False) -> Rows:
    """Rows of the windows and minutes that end at `end`; all that are open when closing."""
    rows: Rows = []
    if closing or end % plan.window_s == 0:
        rows += _windows(meeting, plan, (end - 1) // plan.window_s * plan.window_s)
    if bool(end % MINUTE_S) == closing:  # a full minute was written when it was full
        rows += _minutes(meeting, plan, (end - 1) // MINUTE_S * MINUTE_S)
    return rows


def close_meeting(meeting: Meeting, plan: RoomPlan, second: int, ended: int) -> Rows:
    """All that is open, and the summaries; `second` is the first one not counted."""
    rows: Rows = due_rows(meeting, plan, second, closing=True)
    for person in meeting.people.values():
        rows.append(participation_row(meeting, person, plan.room_id, complete=True))
        rows.append(participation_summary(meeting, person, plan.site_id))
    rows.append(meeting_summary(meeting, plan.site_id, plan.room_id, ended))
    rows.append(meeting_row(meeting, plan.site_id, plan.room_id, ended))
    return rows


def mark_late(meeting: Meeting, second: int) -> None:
    """Frames of `second` came after it was finalised: say so in windows that are still open."""
    for person in meeting.people.values():
        person.window.mark_late(second)


def _new_person(meeting: Meeting, plan: RoomPlan, key: str, proposed: Sequence[str]) -> Person:
    """Seats are numbered by the plan, so that a lost state does not number them anew."""
    drawn = {seat.label for camera in plan.cameras for seat in camera.seats}
    labels = sorted(drawn.union(proposed))
    taken = {person.anon_no for person in meeting.people.values()}
    is_seat = key in labels
    anon_no = labels.index(key) + 1 if is_seat else 0
    if anon_no == 0 or anon_no in taken:
        anon_no = max(taken | {len(labels)}) + 1
    return Person(
        participation_id=hash_id(meeting.meeting_id, f"seat:{key}" if is_seat else f"#{anon_no}"),
        anon_no=anon_no,
        seat=key if is_seat else "",
        student_id=student_id(meeting, plan, key if is_seat else ""),
    )


def _cells(
    people: Sequence[Person], second: int, seen: Sequence[Sequence[Sighting]], activity: str
) -> list[Cell]:
    """Each student's second: a score, or the reason why there is none."""
    posed = [i for i, each in enumerate(seen) if any(sighting.view >= 0 for sighting in each)]
    gazes = [people[i].gaze for i in posed]
    scored: dict[int, Cell] = {}
    if posed:
        views, student = views_of_students([seen[i] for i in posed])
        cells = cells_of_second(second, gazes, views, student, activity)
        scored = dict(zip(posed, cells, strict=True))
    return [
        scored.get(i) or unseen_cell(second, _missing_reason(each, activity), activity)
        for i, each in enumerate(seen)
    ]


def _missing_reason(seen: Sequence[Sighting], activity: str) -> Reason:
    if not is_scored(activity):
        return Reason.NOT_SCORED_ACTIVITY
    if any(sighting.faces for sighting in seen):
        return Reason.LOW_QUALITY  # a face whose pose could not be measured
    if any(sighting.analysed for sighting in seen):
        return Reason.FACE_NOT_FOUND
    if all(sighting.down for sighting in seen):
        return Reason.CAMERA_DOWN
    return Reason.NOT_ANALYSED


def _add_expression(meeting: Meeting, person: Person, seen: Sequence[Sighting]) -> None:
    probabilities = [
        face.expression
        for sighting in seen
        for face in sighting.faces
        if face.expression is not None
    ]
    person.expression.add(probabilities, meeting.model_version)


def _windows(meeting: Meeting, plan: RoomPlan, start: int) -> Rows:
    rows: Rows = []
    for person in meeting.people.values():
        if person.window.n_exp:
            rows.append(window_row(meeting, person, plan.room_id, start, plan.window_s))
            person.window = WindowSums()
    return rows


def _minutes(meeting: Meeting, plan: RoomPlan, minute: int) -> Rows:
    if minute + MINUTE_S <= meeting.started:
        return []
    rows: Rows = [class_minute(meeting, plan.site_id, plan.room_id, minute)]
    meeting.front_shares = []
    for person in meeting.people.values():
        if person.minute.n_exp:
            rows.append(minute_row(meeting, person, minute))
        if person.expression.n_obs:
            rows.append(expression_row(meeting, person, minute))
        person.minute = MinuteSums()
        person.expression = ExpressionSums()
    return rows
