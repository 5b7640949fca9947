"""Weeks of a school's lessons in a real database, with rows as the aggregator writes them.

A lesson is a script of one line; its figures follow from it without chance that matters: the same
scripts give the same rows. `SchoolHistory` writes them through the aggregator's own `Store`.

    history = SchoolHistory(database_url, profile="standard")
    history.hold(*weeks_of(dt.date(2026, 10, 5), 4))
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import text

from aggregator.leases import Lease, LeaseKeeper
from aggregator.meetings import hash_id, iso_utc
from aggregator.people import ClassMinute
from aggregator.reference import Places
from aggregator.results import (
    early_and_late,
    lesson_quality,
    slope_per_10_min,
    x100,
    x1000,
)
from aggregator.rows import (
    CameraMinuteRow,
    EventRow,
    ExpressionMinuteRow,
    MeetingMinuteRow,
    MeetingRow,
    MeetingSummaryRow,
    ParticipationRow,
    ParticipationSummaryRow,
    Rows,
    StudentRow,
)
from aggregator.runner import SCORE_NAME, SCORE_SINCE
from aggregator.score import PARAMS, SCORE_VERSION
from aggregator.store import Store, StoredState
from aggregator.windows import class_score, percentile
from schemas.database import create_engine, upgrade
from schemas.score_versions import ensure_score_version
from schemas.site import Site
from schemas.sync import sync_site

SITE: Final = "school"
MODEL: Final = "test-model-1"
SYNCED: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_FPS: Final = 2


@dataclass(frozen=True)
class Lesson:
    """One lesson as it went.

    Attributes:
        day, start: in the site's zone.
        level: points in the first 25 minutes.
        lost: points less after minute 25.
        students: present, in seats S1, S2, …
        scored: how many of them have a score; None: all.
        coverage: share of their seconds that was observed.
        camera_down_min: first minutes without a camera.
        reconnects: of its camera, in the first minute.
        events: kinds of what happened at its start, with severity 3.
        status: `held`; `planned`: nobody came and no camera saw it; `running`: not closed.
        offsets: points of each student against the class; missing ones are 0.
    """

    day: dt.date
    start: dt.time = dt.time(9, 0)
    class_id: str = "3b"
    room: str = "room-1"
    minutes: int = 45
    level: float = 70.0
    lost: float = 0.0
    students: int = 12
    scored: int | None = None
    coverage: float = 0.85
    camera_down_min: int = 0
    reconnects: int = 0
    stale: bool = False
    events: tuple[str, ...] = ()
    status: str = "held"
    offsets: tuple[float, ...] = ()


def weeks_of(
    first_monday: dt.date,
    weeks: int,
    classes: Sequence[str] = ("3b", "4a"),
    *,
    rise: float = 0.0,
    **changes: Any,
) -> list[Lesson]:
    """One lesson a day and class, Monday to Friday; each class in a room and at an hour of its own.

    The first lesson of class n starts at 9:00 + n hours, in room-(n+1); levels differ by day and
    class by a few points and rise by `rise` points a week.
    """
    lessons = []
    for week in range(weeks):
        for weekday in range(5):
            for number, class_id in enumerate(classes):
                wave = (weekday * 7 + number * 3 + week * 5) % 5 - 2
                lessons.append(
                    replace(
                        Lesson(day=first_monday + dt.timedelta(weeks=week, days=weekday)),
                        class_id=class_id,
                        room=f"room-{number + 1}",
                        start=dt.time(9 + number % 8, 0),
                        level=70.0 + wave - 4 * number + rise * week,
                        **changes,
                    )
                )
    return lessons


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
            ensure_score_version(
                connection,
                SCORE_VERSION,
                SCORE_NAME,
                params=PARAMS,
                code_version="test",
                effective_from=SCORE_SINCE,
            )
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
        return _Played(lesson, self.site, self.zone).meeting_id

    def rows_of(self, lesson: Lesson) -> Rows:
        """What the aggregator writes about a lesson."""
        return list(_Played(lesson, self.site, self.zone).rows())

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
        "analysis_fps": _FPS,
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


class _Played:
    """The rows of one lesson."""

    def __init__(self, lesson: Lesson, site: Site, zone: ZoneInfo) -> None:
        self.lesson = lesson
        self.rules = site.rules
        local = dt.datetime.combine(lesson.day, lesson.start, zone)
        self.start = int(local.timestamp())
        self.end = self.start + lesson.minutes * 60
        self.key = f"site:{lesson.class_id}:{iso_utc(self.start)}"
        self.meeting_id = hash_id(SITE, lesson.room, self.key)
        self.scored = lesson.students if lesson.scored is None else lesson.scored
        self.chance = random.Random(self.meeting_id)
        self.bound: dict[str, Any] = {"site": SITE, "class_slug": lesson.class_id}

    def rows(self) -> Iterator[Any]:
        yield self.meeting()
        if self.lesson.status != "held":
            return
        yield from self.camera()
        yield from self.events()
        if self.rules.per_student:
            for number in range(self.lesson.students):
                yield from self.student(number)
        minutes = [self.minute(number) for number in range(self.lesson.minutes)]
        yield from minutes
        yield self.summary(minutes)

    def meeting(self) -> MeetingRow:
        return MeetingRow(
            meeting_id=self.meeting_id,
            site=SITE,
            room=self.lesson.room,
            source_key=self.key,
            class_slug=self.lesson.class_id,
            planned=(self.start, self.end),
            started=self.start,
            ended=self.end if self.lesson.status == "held" else None,
            policy_profile=self.rules.profile,
            identity_mode=self.rules.identity_mode,
        )

    def offset(self, number: int) -> float:
        own = self.lesson.offsets
        return own[number] if number < len(own) else float(number % 5 - 2)

    def lesson_score(self, number: int) -> float | None:
        """Of a student: the class's course and the student's own offset."""
        if number >= self.scored or self.lesson.coverage < 0.4:
            return None
        late = max(0, self.lesson.minutes - 25) / self.lesson.minutes
        score = self.lesson.level - self.lesson.lost * late + self.offset(number)
        return min(100.0, max(0.0, score))

    def minute_scores(self, minute_no: int) -> list[float]:
        if minute_no < self.lesson.camera_down_min or self.lesson.coverage < 0.4:
            return []
        level = self.lesson.level - (self.lesson.lost if minute_no >= 25 else 0.0)
        level += self.chance.uniform(-1.5, 1.5)
        scores = [level + self.offset(number) for number in range(self.scored)]
        return [min(100.0, max(0.0, score)) for score in scores]

    def student(self, number: int) -> Iterator[Any]:
        seat = f"S{number + 1}"
        participation_id = hash_id(self.meeting_id, seat)
        student = hash_id(SITE, self.lesson.class_id, self.lesson.room, seat, "")
        score = self.lesson_score(number)
        yield StudentRow(student_id=student, site=SITE)
        yield ParticipationRow(
            participation_id=participation_id,
            meeting_id=self.meeting_id,
            room=self.lesson.room,
            anon_no=number + 1,
            seat=seat,
            identity_source="seat",
            student_id=student,
            present=((self.start, self.end),),
        )
        yield self.participation(participation_id, student, score)
        if self.rules.expression:
            yield from self.expressions(participation_id, number)

    def participation(
        self, participation_id: int, student: int, score: float | None
    ) -> ParticipationSummaryRow:
        seconds = self.lesson.minutes * 60
        coverage = self.lesson.coverage if score is not None else 0.1
        return ParticipationSummaryRow(
            meeting_start=self.start,
            participation_id=participation_id,
            meeting_id=self.meeting_id,
            student_id=student,
            score=x100(score),
            score_lo=x100((score or 0.0) * coverage) or 0,
            score_hi=x100((score or 0.0) * coverage + 100 * (1 - coverage)) or 0,
            score_first25=x100(score),
            score_after25=None if score is None else x100(max(0.0, score - self.lesson.lost)),
            coverage=x1000(coverage),
            confidence=x1000(coverage * 0.9),
            present_s=seconds,
            observed_s=round(seconds * coverage),
            low_s=0,
            low_events=0,
            face_px=72,
            model_version=MODEL,
            **self.bound,
        )

    def expressions(self, participation_id: int, number: int) -> Iterator[ExpressionMinuteRow]:
        for minute in range(0, self.lesson.minutes, 5):
            shares = (0.6, 0.2, 0.05, 0.05, 0.04, 0.03, 0.03)
            yield ExpressionMinuteRow(
                minute=(self.start // 60 + minute) * 60,
                participation_id=participation_id,
                meeting_id=self.meeting_id,
                model_version=MODEL,
                n_obs=60,
                p_sum=tuple(60 * share for share in shares),
            )

    def minute(self, minute_no: int) -> MeetingMinuteRow:
        scores = self.minute_scores(minute_no)
        mean = class_score(scores, self.lesson.students, self.rules.k)
        seen = minute_no >= self.lesson.camera_down_min
        return MeetingMinuteRow(
            minute=(self.start // 60 + minute_no) * 60,
            meeting_id=self.meeting_id,
            site=SITE,
            room=self.lesson.room,
            minute_no=minute_no,
            score_mean=x100(mean),
            score_p10=None if mean is None else x100(percentile(scores, 0.1)),
            score_p50=None if mean is None else x100(percentile(scores, 0.5)),
            synchrony=None if mean is None else 800,
            n_exp=self.lesson.students,
            n_scored=len(scores),
            coverage=x1000(self.lesson.coverage if seen else 0.0),
        )

    def summary(self, minutes: Sequence[MeetingMinuteRow]) -> MeetingSummaryRow:
        lesson = self.lesson
        course = [
            ClassMinute(
                m.minute_no, None if m.score_mean is None else m.score_mean / 100, "lecture"
            )
            for m in minutes
        ]
        scores = [s for n in range(lesson.students) if (s := self.lesson_score(n)) is not None]
        mean = class_score(scores, lesson.students, self.rules.k)
        early, late = early_and_late(course, lesson.minutes)
        down_s = 60 * lesson.camera_down_min
        quality = lesson_quality(mean, lesson.coverage, lesson.minutes * 60)
        if not lesson.students:
            quality = "camera_down" if down_s * 2 > lesson.minutes * 60 else "nobody"
        return MeetingSummaryRow(
            meeting_id=self.meeting_id,
            meeting_start=self.start,
            room=lesson.room,
            score_mean=x100(mean),
            score_early=x100(early),
            score_late=x100(late),
            slope_c10=x100(slope_per_10_min(course)),
            synchrony=None if mean is None else 800,
            coverage=x1000(lesson.coverage if lesson.students else 0.0),
            n_enrolled=0,
            n_present=lesson.students,
            n_scored=len(scores),
            camera_down_s=down_s,
            calibration_stale=lesson.stale,
            quality=quality,
            face_px=72 if scores else None,
            model_version=MODEL if scores else None,
            **self.bound,
        )

    def camera(self) -> Iterator[CameraMinuteRow]:
        expected = 60 * _FPS
        for number in range(self.lesson.minutes):
            down = number < self.lesson.camera_down_min
            analysed = 0 if down else expected - number % 2
            yield CameraMinuteRow(
                minute=(self.start // 60 + number) * 60,
                site=SITE,
                camera=self.lesson.room.replace("room", "cam"),
                frames_exp=expected,
                frames_published=analysed,
                frames_analysed=analysed,
                frames_expired=0,
                frames_dead=0,
                frames_lost=0,
                frames_refused=0,
                frames_late=0,
                down_s=60 if down else 0,
                frozen_s=0,
                reconnects=0 if number else self.lesson.reconnects,
                reconnect_causes=None,
                max_gap_ms=60_000 if down else 600,
                lat_p50_ms=None if down else 400,
                lat_p99_ms=None if down else 900 + number,
                clock_offset_ms=1,
                camera_offset_ms=None,
                faces=None if down else float(self.lesson.students),
            )

    def events(self) -> Iterator[EventRow]:
        for kind in self.lesson.events:
            yield EventRow(
                ts=self.start,
                event_id=hash_id(kind, self.lesson.room, self.start),
                kind=kind,
                severity=3,
                site=SITE,
                room=self.lesson.room,
                camera=self.lesson.room.replace("room", "cam"),
                meeting_id=self.meeting_id,
            )
