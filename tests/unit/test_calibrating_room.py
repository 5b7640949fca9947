"""A room without a calibration has no scores until its lessons taught it where the front is."""

import functools
import random

import msgspec
import pytest

from aggregator.room import Room
from aggregator.rows import (
    AttentionWindowRow,
    CalibrationRow,
    MeetingRow,
    MeetingSummaryRow,
    ParticipationSummaryRow,
)
from aggregator.score import Reason
from schemas.messages import ActivityChange, CalibrationSet, EndOfStream
from schemas.room_plan import Direction, RecordedMeeting, SeatDirection, StoredDirection
from tests.unit.calibrated_class import true_front
from tests.unit.room_log import NS, START, centre, entries, face, frame, plan

SEATS = 4
LESSON_S = 260
BREAK_S = 100
LESSONS = 4


def a_class(number):
    """What the camera sees in a lesson: students who look to the front most of the time."""
    noise = random.Random(number)

    def scene(_at, _camera):
        faces = []
        for i in range(SEATS):
            yaw, pitch = true_front(*centre(i))
            pitch -= 35.0 if noise.random() < 0.25 else 0.0
            faces.append(face(*centre(i), noise.gauss(yaw, 4.0), noise.gauss(pitch, 4.0)))
        return faces

    return scene


def lessons(count=LESSONS, room_plan=None):
    """The log of some lessons: each ends with its streams, the next begins in a new epoch."""
    timed = [(0.0, room_plan or plan(seats=SEATS, calibrated=False))]
    for number in range(count):
        begin, epoch = number * (LESSON_S + BREAK_S), f"e{number}"
        scene = a_class(number)
        for second in range(LESSON_S):
            at = begin + second + 0.2
            timed.append((at + 0.4, frame(at, second, scene(at, "cam-1"), epoch=epoch)))
        end = begin + LESSON_S
        timed.append(
            (
                float(end),
                EndOfStream(
                    room_id="room-1", camera_id="cam-1", at=(START + end) * NS,
                    epoch=epoch, last_seq=LESSON_S - 1,
                ),
            )
        )  # fmt: skip
    return timed


def run(log, room=None, restarts=()):
    room, rows = room or Room.new("room-1"), []
    for number, (entry_id, message) in enumerate(log):
        rows += room.feed(entry_id, message)
        if number in restarts:
            room = Room.restore(room.snapshot())
    return rows


@functools.cache
def four_lessons():
    return run(entries(lessons()))


def by_lesson(kind, rows):
    """Rows of a kind, lesson by lesson."""
    meetings = list(dict.fromkeys(r.meeting_id for r in rows if isinstance(r, MeetingRow)))
    of_kind = [row for row in rows if isinstance(row, kind)]
    return [[row for row in of_kind if row.meeting_id == meeting] for meeting in meetings]


def test_three_lessons_have_no_score_and_the_fourth_has_one():
    windows = by_lesson(AttentionWindowRow, four_lessons())
    # the last lesson's end is still behind the watermark
    assert [len(each) > 0 for each in windows] == [True] * LESSONS
    for lesson in windows[:3]:
        assert {row.score for row in lesson} == {None}
        assert {row.missing_reason for row in lesson} <= {
            Reason.NO_CALIBRATION, Reason.FACE_NOT_FOUND,
        }  # fmt: skip
    scores = [row.score for row in windows[3] if row.n_exp >= 3]
    assert all(score is not None for score in scores)
    assert 9000 < sum(scores) / len(scores) <= 10000


def test_the_calibrations_hold_from_the_third_lessons_close_on():
    rows = [row for row in four_lessons() if isinstance(row, CalibrationRow)]
    assert {row.seat for row in rows} >= {"A1", "A2", "A3", "A4"}
    [valid_from] = {row.valid_from for row in rows}
    third_end = START + 2 * (LESSON_S + BREAK_S) + LESSON_S
    assert third_end <= valid_from <= third_end + 5
    assert {row.method for row in rows if row.seat} == {"modal_seat"}


def test_the_confidence_of_a_lesson_knows_how_its_front_was_found():
    summaries = by_lesson(ParticipationSummaryRow, four_lessons())
    assert [row.confidence for row in summaries[0]] == [0] * SEATS
    [stale] = {row.calibration_stale for row in four_lessons() if type(row) is MeetingSummaryRow}
    assert not stale


def test_restarts_change_nothing_of_what_is_learned():
    log = entries(lessons())
    restarts = set(random.Random(3).sample(range(len(log)), 25))
    expected = msgspec.msgpack.encode(four_lessons())
    assert msgspec.msgpack.encode(run(log, restarts=restarts)) == expected


def looks_of_one_lesson(*controls):
    """How many seconds of each seat have become evidence before the lesson is closed."""
    room = Room.new("room-1")
    run(entries(sorted([*lessons(1), *controls], key=lambda pair: pair[0])), room)
    known = room.state.calibration.cameras
    return [seat.looks.passed for camera in known.values() for seat in camera.seats.values()]


def test_seatwork_teaches_nothing():
    change = ActivityChange(room_id="room-1", at=(START + 60) * NS, activity="seatwork")
    assert min(looks_of_one_lesson()) > 200
    assert max(looks_of_one_lesson((60.0, change))) <= 60


def test_a_direction_set_by_hand_scores_the_lesson_that_is_held():
    directions = tuple(
        SeatDirection(label=f"A{i + 1}", yaw_deg=yaw, pitch_deg=pitch, n=40)
        for i in range(SEATS)
        for yaw, pitch in [true_front(*centre(i))]
    )
    command = CalibrationSet(
        room_id="room-1", at=(START + 100) * NS, camera_id="cam-1", directions=directions
    )
    timed = sorted([*lessons(1), (99.0, command), (101.0, command)], key=lambda pair: pair[0])
    rows = run(entries(timed))
    calibrations = [row for row in rows if isinstance(row, CalibrationRow)]
    assert [(r.seat, r.source, r.valid_from) for r in calibrations] == [
        (f"A{i + 1}", "command", START + 100) for i in range(SEATS)
    ]
    scored = {
        row.window_start - START: row.score is not None
        for row in rows
        if isinstance(row, AttentionWindowRow)
    }
    assert not any(scored[at] for at in scored if at < 100)
    assert all(scored[at] for at in scored if at >= 100)


def test_a_film_teaches_nothing_but_is_scored_by_what_the_database_knew():
    stored = tuple(
        StoredDirection(
            camera_id="cam-1", label=f"A{i + 1}",
            direction=Direction(yaw_deg=yaw, pitch_deg=pitch, method="modal_seat"),
        )
        for i in range(SEATS)
        for yaw, pitch in [true_front(*centre(i))]
    )  # fmt: skip
    room_plan = msgspec.structs.replace(
        plan(seats=SEATS, calibrated=False),
        recording=RecordedMeeting(start=START),
        calibrations=stored,
    )
    timed = [
        (at, msgspec.structs.replace(message, run_id="run-1"))
        for at, message in lessons(1, room_plan)
    ]
    room = Room.new("room-1", "run-1")
    rows = run(entries(timed), room)
    windows = [row for row in rows if isinstance(row, AttentionWindowRow) and row.n_exp >= 3]
    assert windows
    assert all(row.score is not None for row in windows)
    seats = room.state.calibration.cameras["cam-1"].seats
    assert [seat.looks.passed for seat in seats.values()] == [0] * SEATS


@pytest.mark.parametrize("at", [0, 300, 600])
def test_redelivery_of_lessons_changes_nothing(at):
    log = entries(lessons(3))
    room = Room.new("room-1")
    first = run(log[:at], room)
    assert run(log[:at], room) == []
    assert msgspec.msgpack.encode(first + run(log[at:], room)) == msgspec.msgpack.encode(run(log))
