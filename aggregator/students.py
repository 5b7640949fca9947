"""Who sits in a class's seat: a pseudonymous student, known by where and since when, not by name.

Where a roster and consent say who has the seat (`plan.seated`), it is that student. Without them
each (class, seat, seating) is one student, so that lessons can be compared with the same student's
earlier ones (SCORE §5). A class that sits anew is of other students.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from aggregator.meetings import hash_id
from aggregator.people import Meeting
from aggregator.rows import Rows, StudentRow
from schemas.messages import RoomPlan


def student_id(meeting: Meeting, plan: RoomPlan, seat: str) -> int | None:
    """The student in `seat` in this meeting.

    Args:
        meeting: the one being held.
        plan: of its room.
        seat: its label, drawn or proposed; "": an anonymous place.

    Returns:
        None where nobody can be told from others again: there is no seat or no class, or policy
        has no figures of students.
    """
    if not (seat and meeting.class_slug and meeting.per_student):
        return None
    if (rostered := _rostered(meeting, plan, seat)) is not None:
        return rostered
    valid_from = seating_in_force(meeting, plan)
    return hash_id(plan.site_id, meeting.class_slug, plan.room_id, seat, valid_from)


def _rostered(meeting: Meeting, plan: RoomPlan, seat: str) -> int | None:
    """Whose seat it was when the meeting began, by the roster; one student sits in one seat."""
    for entry in plan.seated:
        if (entry.class_id, entry.seat) != (meeting.class_slug, seat):
            continue
        until = entry.valid_until
        if entry.valid_from <= meeting.start and (until is None or meeting.start < until):
            others = meeting.people.values()  # a plan that was corrected meanwhile
            sits_elsewhere = any(person.student_id == entry.student_id for person in others)
            return None if sits_elsewhere else entry.student_id
    return None


def seating_in_force(meeting: Meeting, plan: RoomPlan) -> str:
    """First local day of the class's seating, like "2027-03-01"; "": it has sat so for ever."""
    day = dt.datetime.fromtimestamp(meeting.start, ZoneInfo(plan.time_zone)).date().isoformat()
    days = [
        seating.valid_from
        for seating in plan.seatings
        if seating.class_id == meeting.class_slug and seating.valid_from <= day
    ]
    return max(days, default="")


def student_rows(student: int | None, plan: RoomPlan) -> Rows:
    """The row that stands before the first participation of a student; none for the anonymous."""
    return [] if student is None else [StudentRow(student_id=student, site=plan.site_id)]
