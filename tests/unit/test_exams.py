"""An exam: the class's coverage is told, nothing that a single student did."""

import msgspec
import pytest

from aggregator.room import Room
from aggregator.rows import (
    AttentionMinuteRow,
    AttentionWindowRow,
    ExpressionMinuteRow,
    MeetingMinuteRow,
    MeetingSummaryRow,
    ParticipationSummaryRow,
)
from aggregator.score import Reason
from aggregator.windows import State
from schemas.messages import ActivityChange, Tick
from schemas.policy import resolve
from tests.unit.room_log import NS, START, centre, entries, face, plan, timed_log

EXAM_FROM_S, EXAM_TO_S, LENGTH_S = 60, 180, 240
CALM = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def scene(at_s, camera):
    """A1 looks to the front, A2 away, A3 to the desk with closed eyes; A4 hides in the exam."""
    in_exam = EXAM_FROM_S <= at_s < EXAM_TO_S
    poses = [(5.0, -4.0, 0.3), (80.0, -4.0, 0.3), (5.0, -40.0, 0.05), (5.0, -4.0, 0.3)]
    return [
        face(*centre(i), yaw, pitch, ear=ear, expression=CALM)
        for i, (yaw, pitch, ear) in enumerate(poses)
        if i != 3 or not in_exam
    ]


def change(at_s, activity):
    message = ActivityChange(room_id="room-1", at=(START + at_s) * NS, activity=activity)
    return at_s + 0.2, message


@pytest.fixture(scope="module")
def rows():
    policy = msgspec.structs.replace(resolve("demo"), expression=True)
    log = timed_log(plan(seats=4, policy=policy), LENGTH_S, scene, ends=True)
    log += [change(0, "lecture"), change(EXAM_FROM_S, "exam"), change(EXAM_TO_S, "lecture")]
    log.append((LENGTH_S + 20.0, Tick(room_id="room-1")))
    room, rows = Room.new("room-1"), []
    for entry_id, message in entries(sorted(log, key=lambda pair: pair[0])):
        rows += room.feed(entry_id, message)
    return rows


def of(rows, kind, time, start, end):
    found = [row for row in rows if isinstance(row, kind)]
    return [row for row in found if START + start <= getattr(row, time) < START + end]


def test_no_window_of_an_exam_tells_one_student_from_another(rows):
    windows = of(rows, AttentionWindowRow, "window_start", EXAM_FROM_S, EXAM_TO_S)
    assert len(windows) == 4 * 12
    bare = {msgspec.structs.replace(row, participation_id=0, window_start=0) for row in windows}
    assert len(bare) == 1
    told = bare.pop()
    assert (told.score, told.missing_reason) == (None, Reason.NOT_SCORED_ACTIVITY)
    assert (told.yaw_med_cd, told.face_px, told.n_noface, told.cam_mask) == (None, None, 0, 0)
    assert told.state == State.UNKNOWN


def test_no_minute_of_an_exam_tells_one_student_from_another(rows):
    minutes = of(rows, AttentionMinuteRow, "minute", EXAM_FROM_S, EXAM_TO_S)
    assert len(minutes) == 4 * 2
    bare = {msgspec.structs.replace(row, participation_id=0, minute=0) for row in minutes}
    assert [(row.n_obs, row.sum_x, row.state, any(row.direction_hist)) for row in bare] == [
        (0, 0, State.UNKNOWN, False)
    ]


def test_no_expression_is_kept_of_an_exam(rows):
    assert of(rows, ExpressionMinuteRow, "minute", 0, EXAM_FROM_S)
    assert not of(rows, ExpressionMinuteRow, "minute", EXAM_FROM_S, EXAM_TO_S)


def test_the_class_minute_of_an_exam_has_its_coverage_and_no_score(rows):
    minutes = of(rows, MeetingMinuteRow, "minute", EXAM_FROM_S, EXAM_TO_S)
    assert [(row.score_mean, row.n_scored, row.coverage) for row in minutes] == [(None, 0, 750)] * 2


def test_the_class_summary_counts_who_was_seen_in_the_exam(rows):
    summary = next(row for row in rows if isinstance(row, MeetingSummaryRow))
    students = [row for row in rows if isinstance(row, ParticipationSummaryRow)]
    present = sum(row.present_s for row in students)
    scored = sum(row.observed_s for row in students)
    exam_s = EXAM_TO_S - EXAM_FROM_S
    assert summary.coverage == round(1000 * (scored + 3 * exam_s) / present)


def test_a_students_summary_counts_no_second_of_the_exam(rows):
    observed = {row.observed_s for row in rows if isinstance(row, ParticipationSummaryRow)}
    assert len(observed) == 1  # who hid in the exam has no less than the others


def test_before_and_after_the_exam_students_are_scored(rows):
    scores = {
        row.score
        for span in ((40, EXAM_FROM_S), (EXAM_TO_S, LENGTH_S - 20))
        for row in of(rows, AttentionWindowRow, "window_start", *span)
    }
    assert {10_000, 0} < scores
