"""For how long a site keeps each kind of figure, as its site file says."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

MAX_DAYS: Final = 36_500
Days = Annotated[int, Field(ge=1, le=MAX_DAYS)]


class Retention(BaseModel):
    """For how many days each kind of figure is kept (POLICY.md 7).

    Attributes:
        windows_days: 10 s windows; 45 days are about 30 school days.
        student_minutes_days: minutes of one student, expressions among them.
        summaries_days: one student in one lesson.
        class_minutes_days: minutes of a class.
        lessons_days: lessons, who took part in them, and the daily curves of the site; never
            less than what hangs on a lesson is kept.
        camera_minutes_days: the accounts of the cameras' frames.
        events_days: what people should know.
        audit_days: who read what about a student; a year stays in any case.
        report_files_days: files of reports that were sent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    windows_days: Days = 45
    student_minutes_days: Days = 120
    summaries_days: Days = 400
    class_minutes_days: Days = 400
    lessons_days: Days = 400
    camera_minutes_days: Days = 90
    events_days: Days = 400
    audit_days: Annotated[int, Field(ge=366, le=MAX_DAYS)] = 1095
    report_files_days: Days = 400

    def days_of(self, table: str) -> int:
        """Days that rows of a table in `KEEP_OF` are kept."""
        name = KEEP_OF[table]
        names = _OF_A_LESSON if name == "lessons_days" else (name,)
        return max(int(getattr(self, each)) for each in names)


KEEP_OF: Final = {
    "attention_windows": "windows_days",
    "attention_minutes": "student_minutes_days",
    "expression_minutes": "student_minutes_days",
    "participation_summaries": "summaries_days",
    "meeting_minutes": "class_minutes_days",
    "meetings": "lessons_days",
    "site_day_curves": "lessons_days",
    "camera_minutes": "camera_minutes_days",
    "events": "events_days",
    "audit_log": "audit_days",
    "report_files": "report_files_days",
}
"""Which of the site file's keeps a table follows; what hangs on a meeting goes with it."""

_OF_A_LESSON: Final = (
    "windows_days",
    "student_minutes_days",
    "summaries_days",
    "class_minutes_days",
    "lessons_days",
)


def first_kept_day(now: dt.datetime, days: int) -> dt.date:
    """The oldest UTC day of which rows are kept at `now` (aware)."""
    return now.astimezone(dt.UTC).date() - dt.timedelta(days=days)
