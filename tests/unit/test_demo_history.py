"""Which lessons the demo's history has, and how a camera's failures stand in its log."""

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from deploy.demo.history_outages import Connections, connections
from deploy.demo.history_plan import MINUTES, HistoryLesson, last_monday, plan_history
from deploy.lesson.log import NS
from schemas.messages import CameraStatus, EndOfStream, FrameFaces, Tick

ZONE = ZoneInfo("Europe/Amsterdam")
MONDAY = dt.date(2026, 11, 23)
START_S = 1_800_000_000
OUT = Connections(START_S, ((2, 4), (6, 7)), 1.0, epoch=3, seq=50)


@pytest.mark.parametrize("later", range(7))
def test_the_history_ends_with_the_last_whole_week_before_today(later):
    today = MONDAY + dt.timedelta(days=later)
    lessons = plan_history(today, ZONE, seed=1)
    assert last_monday(today) == dt.date(2026, 11, 16)
    assert lessons[-1].start == dt.datetime(2026, 11, 20, 13, 30, tzinfo=ZONE)
    assert lessons[0].start.astimezone(ZONE).date() == dt.date(2026, 10, 26)


def test_lessons_keep_their_local_time_when_the_clocks_change():
    lessons = plan_history(dt.date(2026, 11, 9), ZONE, seed=1)
    assert len(lessons) == 18
    mondays = [lesson.start for lesson in lessons if lesson.start.weekday() == 0]
    assert {start.astimezone(ZONE).time() for start in mondays} == {dt.time(8, 30)}
    assert {start.time() for start in mondays} == {dt.time(6, 30), dt.time(7, 30)}


def test_each_class_has_enough_lessons_before_the_last_week_for_a_baseline():
    lessons = plan_history(MONDAY, ZONE, seed=1)
    for room_index in (0, 1):
        before = [
            lesson
            for lesson in lessons
            if lesson.room_index == room_index
            and lesson.is_seen
            and not any(end == MINUTES for _, end in lesson.outages)
            and lesson.start.astimezone(ZONE).date() < dt.date(2026, 11, 16)
        ]
        assert len(before) >= 5
    assert len({lesson.seed for lesson in lessons}) == len(lessons)


def frame(seq):
    return FrameFaces(
        room_id="r", camera_id="c", epoch="1", seq=seq, captured_at=(START_S + seq) * NS, width=4,
        height=3, outcome="analysed", faces=(), analysed_at=(START_S + seq) * NS, model_version="m",
    )  # fmt: skip


def status(second):
    at = START_S * NS + second * NS + NS // 2
    return CameraStatus(room_id="r", camera_id="c", at=at, state="up", epoch="1", last_seq=second)


def test_a_connection_after_an_outage_counts_its_frames_from_0():
    heard = [OUT.heard(frame(seq)) for seq in range(9 * 60)]
    told = [(f.epoch, f.seq) for f in heard if f is not None]
    assert told == [
        *(("000003", 50 + seq) for seq in range(120)),
        *(("000004", seq) for seq in range(120)),
        *(("000005", seq) for seq in range(120)),
    ]
    assert OUT.after(9) == (5, 120)


def test_a_status_in_an_outage_says_why_and_once_that_a_connection_ended():
    told = [OUT.heard(status(second)) for second in range(9 * 60)]
    assert {(t.state, t.cause) for t in told[120:240]} == {("down", "dropped")}
    assert sum(bool(t.ended) for t in told) == 2
    assert {t.last_seq for t in told[120:240]} == {169}
    after = told[240]
    assert (told[239].epoch, after.epoch, after.last_seq) == ("000003", "000004", 0)
    assert {t.state for t in (*told[:120], *told[240:360], *told[420:])} == {"up"}


def test_a_camera_stays_connected_from_lesson_to_lesson_unless_it_was_away():
    lessons = [
        HistoryLesson(0, "c", dt.datetime(2026, 11, day, 8, tzinfo=dt.UTC), day, 0.5, 0.5, outages)
        for day, outages in ((2, ()), (3, ((10, 12),)), (4, ((30, MINUTES),)), (5, ()), (6, ()))
    ]
    lessons[3] = replace(lessons[3], is_seen=False)
    told = [(c.epoch, c.seq) for c in connections(lessons, 1.0)]
    assert told == [(1, 0), (1, 60 * MINUTES), (2, 60 * (MINUTES - 12)), (3, 0), (4, 0)]


def test_nothing_says_that_the_stream_has_ended_and_time_goes_on():
    assert OUT.heard(EndOfStream(room_id="r", camera_id="c", at=START_S * NS, epoch="1")) is None
    assert OUT.heard(Tick(room_id="r")) == Tick(room_id="r")
