"""The reducer: what lessons become (same log, same rows: `test_determinism`)."""

import functools
from collections import Counter

import msgspec
import pytest

from aggregator.errors import SnapshotError
from aggregator.room import Room
from aggregator.rows import (
    AttentionMinuteRow,
    AttentionWindowRow,
    CameraMinuteRow,
    ExpressionMinuteRow,
    MeetingActivityRow,
    MeetingMinuteRow,
    MeetingRow,
    MeetingSummaryRow,
    ParticipationRow,
    ParticipationSummaryRow,
    is_per_student,
)
from aggregator.score import Reason
from schemas.messages import ActivityChange, Tick
from schemas.policy import resolve
from schemas.room_plan import Lesson
from tests.unit.room_log import NS, START, centre, classroom, entries, face, plan, timed_log
from tests.unit.room_rows import as_bytes, faces_until, of, run

LENGTH_S = 70
TWO_CAMERAS = ("cam-1", "cam-2")


def ticks(first_s, last_s):
    return [(float(at), Tick(room_id="room-1")) for at in range(first_s, last_s, 5)]


def whole_log(**changes):
    room_plan = plan(cameras=TWO_CAMERAS, **changes)
    timed = timed_log(room_plan, LENGTH_S, classroom(), ends=True)
    return timed + ticks(LENGTH_S + 1, LENGTH_S + 80)


@functools.cache
def whole():
    """The log that the property tests disturb, and the rows of the undisturbed run."""
    timed = whole_log()
    return timed, run(entries(timed))


@pytest.fixture
def timed():
    return whole()[0]


@pytest.fixture
def expected():
    return whole()[1]


def test_a_lesson_becomes_rows_of_every_kind(expected):
    kinds = Counter(type(row) for row in expected)
    assert kinds[MeetingRow] == 2
    assert kinds[ParticipationSummaryRow] == 6
    assert kinds[MeetingSummaryRow] == 1
    assert {AttentionWindowRow, AttentionMinuteRow, MeetingMinuteRow, CameraMinuteRow} <= set(kinds)
    assert len({row.participation_id for row in of(AttentionWindowRow, expected)}) == 6


def test_no_row_is_written_twice(expected):
    keys = [
        (row.participation_id, row.window_start) for row in of(AttentionWindowRow, expected)
    ] + [(row.camera, row.minute) for row in of(CameraMinuteRow, expected)]
    assert len(keys) == len(set(keys))


def test_a_snapshot_is_exact(timed):
    room = Room.new("room-1")
    for entry_id, message in entries(timed)[:300]:
        room.feed(entry_id, message)
    restored = Room.restore(room.snapshot())
    assert restored.snapshot() == room.snapshot()
    assert restored.position == room.position


def test_expressions_change_no_window():
    happy = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)

    def scene(with_expression):
        def faces(at_s, camera):
            shown = happy if with_expression else None
            return [
                face(*centre(i), 5 + 40 * ((int(at_s) // 7 + i) % 2), expression=shown)
                for i in range(6)
            ]

        return faces

    on = run(entries(timed_log(plan(), LENGTH_S, scene(with_expression=True))))
    off = run(entries(timed_log(plan(), LENGTH_S, scene(with_expression=False))))
    locked_plan = plan(policy=resolve("standard"))
    locked = run(entries(timed_log(locked_plan, LENGTH_S, scene(with_expression=True))))
    windows = [as_bytes(of(AttentionWindowRow, rows)) for rows in (on, off, locked)]
    assert windows[0] == windows[1] == windows[2]
    assert of(ExpressionMinuteRow, on)
    assert of(ExpressionMinuteRow, on)[0].p_sum[3] == of(ExpressionMinuteRow, on)[0].n_obs
    assert not of(ExpressionMinuteRow, off)
    assert not of(ExpressionMinuteRow, locked)


def test_where_policy_locks_expressions_the_state_holds_none():
    sad = (0.0, 0.0, 0.0, 0.0, 0.987, 0.0, 0.0)
    log = timed_log(
        plan(policy=resolve("standard")),
        50,
        lambda at_s, camera: [face(*centre(0), expression=sad)],
    )
    room = Room.new("room-1")
    run(entries(log), room)
    held = msgspec.msgpack.encode(room.state)
    assert msgspec.msgpack.encode(0.987) not in held


def test_where_policy_locks_student_figures_no_such_row_leaves_the_room():
    rows = run(entries(whole_log(policy=resolve("eu"), seats=12)))
    assert not [row for row in rows if is_per_student(row)]
    assert {type(row) for row in rows} == {
        MeetingRow,
        MeetingActivityRow,
        MeetingMinuteRow,
        MeetingSummaryRow,
        CameraMinuteRow,
    }


def test_without_student_figures_a_small_class_has_none_either():
    """Six students are fewer than the ten that the profile asks for."""
    rows = run(entries(whole_log(policy=resolve("eu"))))
    assert all(row.score_mean is None for row in of(MeetingMinuteRow, rows))


def test_presence_starts_when_the_seat_locks():
    rows = run(entries(timed_log(plan(seats=1), 60, classroom(1))))
    meeting = of(MeetingRow, rows)[0]
    assert meeting.started == START + 29
    assert meeting.source_key == "auto:2026-11-18T11:10:29Z"
    assert sum(row.n_exp for row in of(AttentionWindowRow, rows)) == 50 - 29


def test_a_face_lost_inside_its_seat_stays_expected():
    rows = run(entries(timed_log(plan(seats=1), 80, faces_until(50))))
    last = of(AttentionWindowRow, rows)[-1]
    assert (last.n_exp, last.n_obs, last.score) == (10, 0, None)
    assert (last.missing_reason, last.n_noface) == (Reason.FACE_NOT_FOUND, 10)


def test_a_posters_face_is_nobodys():
    def student_and_poster(at_s, camera):
        poster = msgspec.structs.replace(face(*centre(1)), static=True)
        return [face(*centre(0)), poster] if at_s < 70 else []

    log = timed_log(plan(seats=2), 80, student_and_poster)
    assert {row.seat for row in of(ParticipationRow, run(entries(log)))} == {"A1"}


def test_who_is_seen_to_leave_is_not_expected_any_more():
    def walking_out(at_s, camera):
        x, y = centre(0)
        return [face(x + min(0.4, max(0.0, (at_s - 50) * 0.05)), y)]

    rows = run(entries(timed_log(plan(seats=1), 90, walking_out)))
    windows = {row.window_start - START: row for row in of(AttentionWindowRow, rows)}
    assert windows[40].n_exp == 10
    assert 0 < windows[50].n_exp < 10
    assert 60 not in windows


def test_idle_rooms_and_dead_cameras_do_not_stall_time():
    timed = timed_log(plan(seats=1), 45, faces_until(99))
    rows = run(entries(timed + ticks(50, 70)))
    assert START + 50 in {row.window_start for row in of(AttentionWindowRow, rows)}


def test_one_student_seen_by_two_cameras_counts_once():
    one = run(entries(timed_log(plan(seats=2), 80, classroom(2))))
    two = run(entries(timed_log(plan(seats=2, cameras=TWO_CAMERAS), 80, classroom(2))))
    assert len(of(ParticipationRow, one)) == len(of(ParticipationRow, two)) == 2
    assert {row.cam_mask for row in of(AttentionWindowRow, two)} == {0b11}
    assert max(row.n_exp for row in of(AttentionWindowRow, two)) == 10


def test_uncalibrated_cameras_give_angles_without_scores():
    room_plan = plan(seats=0, drawn=False, calibrated=False)
    rows = run(entries(timed_log(room_plan, 80, classroom(3))))
    windows = of(AttentionWindowRow, rows)
    assert len({row.participation_id for row in windows}) == 3
    assert {row.score for row in windows} == {None}
    assert {row.missing_reason for row in windows} == {Reason.NO_CALIBRATION}
    assert all(row.yaw_med_cd is not None for row in windows)


def test_an_activity_that_is_not_scored_gives_null():
    timed = timed_log(plan(seats=1), 90, faces_until(99))
    change = ActivityChange(room_id="room-1", at=(START + 50) * NS, activity="groupwork")
    rows = run(entries(sorted([*timed, (49.0, change)], key=lambda pair: pair[0])))
    windows = {row.window_start - START: row for row in of(AttentionWindowRow, rows)}
    assert windows[40].score == 10_000
    assert windows[50].score is None
    assert windows[50].missing_reason == Reason.NOT_SCORED_ACTIVITY


def lesson(start, end):
    return Lesson(
        rule_id="maths", weekdays=(2,), start=start, end=end, class_id="7b", activity="lecture"
    )


def test_a_timetable_opens_and_closes_the_meeting_in_local_time():
    """2026-11-18 is a Wednesday; 11:11 UTC is 12:11 in Amsterdam."""
    room_plan = plan(seats=5, lessons=(lesson("12:11", "12:13"),))
    timed = timed_log(room_plan, 240, classroom(5))
    rows = run(entries(timed))
    opened, closed = of(MeetingRow, rows)
    assert opened.source_key == "site:maths:2026-11-18T11:11:00Z"
    assert opened.planned == (START + 60, START + 180)
    assert (closed.ended, closed.class_slug) == (START + 180, "7b")
    minutes = [(row.minute - START, row.minute_no) for row in of(MeetingMinuteRow, rows)]
    assert minutes == [(60, 0), (120, 1)]


def test_between_the_lessons_of_a_timetable_nobody_is_followed():
    room_plan = plan(seats=5, lessons=(lesson("08:00", "08:45"),))
    rows = run(entries(timed_log(room_plan, 100, classroom(5))))
    assert {type(row) for row in rows} == {CameraMinuteRow}


def test_five_minutes_without_anybody_end_an_automatic_meeting():
    timed = timed_log(plan(seats=1), 60, faces_until(99)) + ticks(61, 460)
    closed = of(MeetingRow, run(entries(timed)))[-1]
    assert closed.ended == START + 60


def test_a_clean_shutdown_closes_an_automatic_meeting(expected):
    closed = of(MeetingRow, expected)[-1]
    assert closed.ended == START + LENGTH_S
    assert of(MeetingSummaryRow, expected)[0].camera_down_s == 0


def test_a_night_without_any_entry_is_not_walked_second_by_second():
    timed = timed_log(plan(seats=1), 60, faces_until(99))
    night = [(60 + 36_000.0, Tick(room_id="room-1")), (60 + 10**7, Tick(room_id="room-1"))]
    rows = run(entries(timed + night))
    assert of(MeetingRow, rows)[-1].ended == START + 60
    assert len(rows) < 200


def test_a_stricter_policy_holds_at_once():
    timed = timed_log(plan(seats=6), LENGTH_S, classroom())
    stricter = msgspec.structs.replace(plan(seats=6, policy=resolve("eu")), at=(START + 60) * NS)
    rows = run(entries(sorted([*timed, (59.0, stricter)], key=lambda pair: pair[0])))
    assert max(row.window_start for row in of(AttentionWindowRow, rows)) < START + 60


def test_a_snapshot_of_another_version_or_a_damaged_one_is_refused():
    with pytest.raises(SnapshotError, match="has version 99"):
        Room.restore(Room.new("room-1").snapshot(), version=99)
    with pytest.raises(SnapshotError, match="damaged"):
        Room.restore(b"x" * 40)
