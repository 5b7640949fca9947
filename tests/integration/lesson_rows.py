"""The rows that the aggregator writes about a scripted lesson."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from aggregator.meetings import hash_id, iso_utc
from aggregator.people import ClassMinute
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
    StudentRow,
)
from aggregator.windows import class_score, percentile
from schemas.site import Site
from tests.integration.lesson_script import Lesson

MODEL: Final = "test-model-1"
FPS: Final = 2  # of each camera


class LessonRows:
    """The rows of one lesson."""

    def __init__(self, lesson: Lesson, site: Site, zone: ZoneInfo) -> None:
        self.lesson = lesson
        self.site = site.site.id
        self.rules = site.rules
        local = dt.datetime.combine(lesson.day, lesson.start, zone)
        self.start = int(local.timestamp())
        self.end = self.start + lesson.minutes * 60
        self.key = f"site:{lesson.class_id}:{iso_utc(self.start)}"
        self.meeting_id = hash_id(self.site, lesson.room, self.key)
        self.scored = lesson.students if lesson.scored is None else lesson.scored
        self.chance = random.Random(self.meeting_id)
        self.bound: dict[str, Any] = {"site": self.site, "class_slug": lesson.class_id}

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
            site=self.site,
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
        student = hash_id(self.site, self.lesson.class_id, self.lesson.room, seat, "")
        score = self.lesson_score(number)
        yield StudentRow(student_id=student, site=self.site)
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
            site=self.site,
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
        expected = 60 * FPS
        for number in range(self.lesson.minutes):
            down = number < self.lesson.camera_down_min
            analysed = 0 if down else expected - number % 2
            yield CameraMinuteRow(
                minute=(self.start // 60 + number) * 60,
                site=self.site,
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
                site=self.site,
                room=self.lesson.room,
                camera=self.lesson.room.replace("room", "cam"),
                meeting_id=self.meeting_id,
            )
