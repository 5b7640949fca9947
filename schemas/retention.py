"""For how long rows are kept: what the site file says, and the table `retention` that follows.

Retention drops whole partitions, which hold the rows of all sites of a database: in them the
longest keep of any site holds. Rows that are deleted one by one go by their own site's keep.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from schemas.tables import metadata, retention, sites

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


def store_retention(connection: Connection) -> dict[str, dt.timedelta]:
    """Bring the table `retention` up to date with what the sites ask for; returns it."""
    keeps = longest_keeps(connection)
    statement = insert(retention).values(
        [{"table_name": t, "keep": keep, "unit": _unit(t)} for t, keep in sorted(keeps.items())]
    )
    new = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["table_name"],
            set_={"keep": new.keep, "unit": new.unit},
            where=func.row(retention.c.keep, retention.c.unit) != func.row(new.keep, new.unit),
        )
    )
    connection.execute(delete(retention).where(retention.c.table_name.not_in(keeps)))
    return keeps


def longest_keeps(connection: Connection) -> dict[str, dt.timedelta]:
    """The longest that any site keeps the rows of each table.

    A site that no version with retention has synced yet has the built-in keeps.
    """
    of_sites = list(retention_of_sites(connection).values()) or [Retention()]
    return {
        table: dt.timedelta(days=max(each.days_of(table) for each in of_sites)) for table in KEEP_OF
    }


def retention_of_sites(connection: Connection) -> dict[int, Retention]:
    """What each site asks for, by its number."""
    rows = connection.execute(select(sites.c.site_id, sites.c.retention).order_by(sites.c.site_id))
    return {site_id: _parsed(stored) for site_id, stored in rows}


def first_kept_day(now: dt.datetime, days: int) -> dt.date:
    """The oldest UTC day of which rows are kept at `now` (aware)."""
    return now.astimezone(dt.UTC).date() - dt.timedelta(days=days)


def _parsed(stored: dict[str, int] | None) -> Retention:
    known = {k: v for k, v in (stored or {}).items() if k in Retention.model_fields}
    try:
        return Retention.model_validate(known)
    except ValidationError:  # by another version, with other bounds: nothing is dropped for it
        return Retention(**dict.fromkeys(Retention.model_fields, MAX_DAYS))


def _unit(table: str) -> str:
    """What is dropped at once."""
    period = metadata.tables[table].info.get("partition_period")
    return str(period or "row")
