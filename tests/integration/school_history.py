"""Weeks of a school's lessons in a real database, with rows as the aggregator writes them.

A lesson is a script of one line; its figures follow from it without chance that matters: the same
scripts give the same rows. `SchoolHistory` writes them through the aggregator's own `Store`.

    history = SchoolHistory(database_url, profile="standard")
    history.hold(*weeks_of(dt.date(2026, 10, 5), 4))
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import text

from aggregator.formula import register_formula
from aggregator.leases import Lease, LeaseKeeper
from aggregator.reference import Places
from aggregator.rows import Rows
from aggregator.store import Store, StoredState
from schemas.database import create_engine, upgrade
from schemas.site import Site
from schemas.sync import sync_site
from tests.integration.lesson_rows import FPS, LessonRows
from tests.integration.lesson_script import Lesson, weeks_of

SITE: Final = "school"
SYNCED: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def a_school(
    profile: str = "demo",
    *,
    zone: str = "Europe/Amsterdam",
    rooms: int = 2,
    seats: int = 12,
    **policy: Any,
) -> Site:
    """A site with a camera a room and drawn seats."""
    return Site.model_validate(
        {
            "version": 1,
            "site": {"id": SITE, "name": "Lindenschool", "time_zone": zone},
            "policy": {"profile": profile, **policy},
            "rooms": [
                {"id": f"room-{n}", "name": f"Room {n}", "cameras": [_camera(n, seats)]}
                for n in range(1, rooms + 1)
            ],
        }
    )


class SchoolHistory:
    """A migrated and synced database into which scripted lessons are written."""

    def __init__(self, database_url: str, profile: str = "demo", **school: Any) -> None:
        upgrade(database_url, now=SYNCED)
        self.engine = create_engine(database_url)
        self.site = a_school(profile, **school)
        self.zone = ZoneInfo(self.site.site.time_zone)
        sync_site(self.engine, self.site, at=SYNCED)
        self.places = Places(SITE)
        with self.engine.begin() as connection:
            self.places.load(connection)
            register_formula(connection)
        self._store = Store(self.engine, self.places)
        self._leases = self._claim_for_an_hour()

    def hold(self, *lessons: Lesson) -> None:
        """Write lessons, each room's in one commit, in the order of their starts."""
        for room in sorted({lesson.room for lesson in lessons}):
            rows: Rows = []
            for lesson in sorted(lessons, key=lambda one: (one.day, one.start)):
                if lesson.room == room:
                    rows += self.rows_of(lesson)
            self._store.commit(self._leases[room], rows, StoredState("1-1", b"", 2))
        for lesson in lessons:
            if lesson.status == "planned":
                self.execute(
                    "UPDATE meetings SET status = 'planned', actual = NULL WHERE meeting_id = :id",
                    id=self.meeting_id(lesson),
                )

    def meeting_id(self, lesson: Lesson) -> int:
        """The id of a lesson, `lesson_id` in the views."""
        return LessonRows(lesson, self.site, self.zone).meeting_id

    def rows_of(self, lesson: Lesson) -> Rows:
        """What the aggregator writes about a lesson."""
        return list(LessonRows(lesson, self.site, self.zone).rows())

    def execute(self, sql: str, **values: Any) -> None:
        """Change something by hand."""
        with self.engine.begin() as connection:
            connection.execute(text(sql), values)

    def ask(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        """Rows of a query, as the database's owner."""
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(text(sql), values).mappings()]

    def close(self) -> None:
        self.engine.dispose()

    def _claim_for_an_hour(self) -> dict[str, Lease]:
        numbers = {self.places.room(room.id): room.id for room in self.site.rooms}
        leases = LeaseKeeper(self.engine, "history").claim(sorted(numbers))
        self.execute("UPDATE room_leases SET until = now() + interval '1 hour'")
        return {numbers[lease.room_id]: lease for lease in leases}


def _camera(room: int, seats: int) -> dict[str, Any]:
    return {
        "id": f"cam-{room}",
        "url": f"rtsp://camera/{room}",
        "analysis_fps": FPS,
        "seats": {
            f"S{n + 1}": {
                "polygon": [
                    [n / seats, 0.2],
                    [(n + 0.9) / seats, 0.2],
                    [(n + 0.9) / seats, 0.9],
                    [n / seats, 0.9],
                ],
                "calibration": {"yaw_deg": 5.0, "pitch_deg": -4.0},
            }
            for n in range(seats)
        },
    }


__all__ = ["SITE", "SYNCED", "Lesson", "SchoolHistory", "a_school", "weeks_of"]
