"""What a class does: by its timetable or by hand, in stretches, and what that does to figures."""

import random

import msgspec
import pytest

from aggregator.activities import Said
from aggregator.room import Room
from aggregator.rows import AttentionWindowRow, MeetingActivityRow, MeetingRow, MeetingSummaryRow
from schemas.messages import ActivityChange, Tick
from schemas.room_plan import Occurrence
from tests.unit.room_log import (
    NS,
    START,
    centre,
    classroom,
    entries,
    face,
    plan,
    timed_log,
)


def lesson(first_s, last_s, key="a", activity="lecture"):
    return Occurrence(
        source_key=f"ical:{key}:2026-11-18T11:10:00Z",
        start=START + first_s,
        end=START + last_s,
        activity=activity,
    )


def said(activity, at_s):
    """The change, and when it reaches the log."""
    change = ActivityChange(room_id="room-1", at=(START + at_s) * NS, activity=activity)
    return float(at_s), change


def run(length_s, *others, lessons=(), seats=1, scene=None, fps=2):
    room_plan = msgspec.structs.replace(plan(seats=seats), occurrences=lessons)
    timed = [*timed_log(room_plan, length_s, scene or classroom(seats), fps=fps), *others]
    room, rows = Room.new("room-1"), []
    for entry_id, message in entries(sorted(timed, key=lambda pair: pair[0])):
        rows += room.feed(entry_id, message)
    return rows


def of(kind, rows):
    return [row for row in rows if isinstance(row, kind)]


def stretches(rows):
    return [
        (row.start - START, row.end - START, row.activity, row.source)
        for row in of(MeetingActivityRow, rows)
    ]


def test_a_lesson_without_a_word_is_what_its_timetable_says():
    assert stretches(run(80, lessons=(lesson(20, 60),))) == [(20, 60, "lecture", "timetable")]


def test_stretches_of_different_activities_follow_each_other_without_a_hole():
    rows = run(120, said("seatwork", 50), said("groupwork", 70), lessons=(lesson(20, 100),))
    assert stretches(rows) == [
        (20, 50, "lecture", "timetable"),
        (50, 70, "seatwork", "manual"),
        (70, 100, "groupwork", "manual"),
    ]


def test_a_word_of_the_same_kind_is_a_stretch_of_its_own_only_the_first_time():
    rows = run(120, said("lecture", 50), said("lecture", 70), lessons=(lesson(20, 100),))
    assert stretches(rows) == [(20, 50, "lecture", "timetable"), (50, 100, "lecture", "manual")]


def test_after_the_meeting_the_word_is_over():
    two = (lesson(20, 60, "one"), lesson(60, 100, "two", activity="discussion"))
    assert stretches(run(120, said("seatwork", 40), lessons=two)) == [
        (20, 40, "lecture", "timetable"),
        (40, 60, "seatwork", "manual"),
        (60, 100, "discussion", "timetable"),
    ]


def test_a_word_at_the_bell_is_meant_for_the_class_that_comes():
    two = (lesson(20, 60, "one"), lesson(60, 100, "two"))
    assert stretches(run(120, said("exam", 60), lessons=two)) == [
        (20, 60, "lecture", "timetable"),
        (60, 100, "exam", "manual"),
    ]


@pytest.mark.parametrize(("gap_s", "expected"), [(290, "manual"), (310, "timetable")])
def test_a_word_before_the_meeting_holds_for_five_minutes(gap_s, expected):
    rows = run(400, said("exam", 350 - gap_s), lessons=(lesson(350, 380),))
    assert [source for *_, source in stretches(rows)] == [expected]


def test_an_automatic_meeting_has_its_stretches_too():
    timed = [(float(at), Tick(room_id="room-1")) for at in range(105, 500, 5)]
    rows = run(100, said("seatwork", 60), *timed)
    assert stretches(rows) == [(29, 60, "unknown", "timetable"), (60, 100, "seatwork", "manual")]


def test_a_word_that_comes_late_counts_from_when_it_comes():
    """Its seconds are over: rows that are written do not change."""
    late = (70.0, said("groupwork", 40)[1])
    rows = run(120, late, lessons=(lesson(20, 100),))
    (_, first, *_), (second, *_) = stretches(rows)
    assert 64 <= first == second <= 66


def test_seatwork_is_judged_by_other_rules_than_a_lecture():
    def writing(at_s, camera):
        return [face(*centre(0), pitch=-40.0)]

    by_hand = run(130, said("seatwork", 70), lessons=(lesson(10, 120),), scene=writing)
    scores = {row.window_start - START: row.score for row in of(AttentionWindowRow, by_hand)}
    assert scores[50] == 4000  # the desk for minutes in a lecture
    assert scores[80] == 10_000


def test_a_state_of_version_1_keeps_the_word_that_was_said():
    room = Room.new("room-1")
    timed = timed_log(plan(seats=1), 70, classroom(1))
    for entry_id, message in entries(timed):
        room.feed(entry_id, message)
    room.state.activity = "groupwork"  # as version 1 wrote it
    restored = Room.restore(room.snapshot(), version=1)
    assert restored.state.by_hand == Said("groupwork", "manual", room.state.meeting.started)
    assert restored.state.activity == ""


LENGTH_MIN = 46


def tiring(at_s, camera):
    """Five students, of whom one in ten looks away for 10 s; after 25 minutes four in ten."""
    share = 0.1 if at_s < 25 * 60 else 0.4
    faces = []
    for i in range(5):
        away = random.Random(f"{i} {int(at_s) // 10}").random() < share
        faces.append(face(*centre(i), yaw=75.0 if away else 5.0))
    return faces


@pytest.fixture(scope="module")
def tired():
    lessons = (lesson(0, LENGTH_MIN * 60),)
    rows = run(LENGTH_MIN * 60 + 10, lessons=lessons, seats=5, scene=tiring, fps=1)
    [summary] = of(MeetingSummaryRow, rows)
    return summary


@pytest.mark.slow
def test_a_lesson_that_loses_attention_after_25_minutes_says_so(tired):
    assert tired.score_early - tired.score_late >= 800
    assert 8000 <= tired.score_early <= 9800


@pytest.mark.slow
def test_a_change_of_activity_in_mid_lesson_makes_the_two_halves_incomparable(tired):
    """The figures of the whole lesson stay: seatwork is scored by its own rule."""
    rows = run(
        LENGTH_MIN * 60 + 10,
        said("seatwork", 30 * 60),
        lessons=(lesson(0, LENGTH_MIN * 60),),
        seats=5,
        scene=tiring,
        fps=1,
    )
    [summary] = of(MeetingSummaryRow, rows)
    assert (summary.score_early, summary.score_late) == (None, None)
    assert summary.score_mean is not None
    assert len(of(MeetingRow, rows)) == 2
