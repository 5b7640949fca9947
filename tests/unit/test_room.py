"""The reducer: what each kind of trouble becomes (same log, same rows: `test_determinism`)."""

import functools
from collections import Counter

import msgspec
import pytest

from aggregator.errors import SnapshotError
from aggregator.inbox import MAX_FRAMES
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
from tests.unit.room_log import (
    NS,
    START,
    centre,
    classroom,
    entries,
    face,
    frame,
    plan,
    status,
    timed_log,
)

LENGTH_S = 70
TWO_CAMERAS = ("cam-1", "cam-2")


def run(log, room=None):
    room = room or Room.new("room-1")
    rows = []
    for entry_id, message in log:
        rows += room.feed(entry_id, message)
    return rows


def ticks(first_s, last_s):
    return [(float(at), Tick(room_id="room-1")) for at in range(first_s, last_s, 5)]


def as_bytes(rows):
    return msgspec.msgpack.encode(rows)


def of(kind, rows):
    return [row for row in rows if isinstance(row, kind)]


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


def faces_until(end_s):
    return lambda at_s, camera: [face(*centre(0))] if at_s < end_s else []


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


def without_frames(timed, first_s, last_s, *, down=False, cause=""):
    """Drop the records of some seconds, as if workers (or the camera) had been away."""
    kept = []
    for at, message in timed:
        kind = type(message).__name__
        if first_s <= at - 0.4 < last_s and kind == "FrameFaces":
            continue
        if down and kind == "CameraStatus" and first_s <= at < last_s:
            gone = status(at, message.last_seq, message.camera_id, "down")
            kept.append((at, msgspec.structs.replace(gone, cause=cause)))
            continue
        kept.append((at, message))
    return kept


@pytest.mark.parametrize(
    ("down", "cause", "reason"),
    [
        (False, "", Reason.NOT_ANALYSED),
        (True, "", Reason.CAMERA_DOWN),
        (True, "silent", Reason.CAMERA_DOWN),
        (True, "frozen", Reason.CAMERA_DOWN),
    ],
)
def test_missing_frames_cost_coverage_never_score(down, cause, reason):
    whole_log = timed_log(plan(seats=1), 90, faces_until(99))
    timed = without_frames(whole_log, 60, 70, down=down, cause=cause)
    windows = {r.window_start - START: r for r in of(AttentionWindowRow, run(entries(timed)))}
    assert (windows[60].score, windows[60].n_obs, windows[60].n_exp) == (None, 0, 10)
    assert windows[60].missing_reason == reason
    assert windows[70].score == windows[50].score == 10_000


def test_lost_frames_are_counted_and_the_books_close():
    timed = without_frames(timed_log(plan(seats=1), 130, faces_until(199)), 20, 30)
    minutes = of(CameraMinuteRow, run(entries(timed)))
    assert [row.frames_lost for row in minutes] == [20, 0]
    assert [row.frames_analysed for row in minutes] == [100, 120]
    for row in minutes:
        parts = row.frames_analysed + row.frames_expired + row.frames_dead + row.frames_lost
        assert row.frames_published == parts == 120


def test_late_frames_are_counted_but_never_applied():
    timed = timed_log(plan(seats=1), 130, faces_until(199))
    early = [pair for pair in timed if not late_one(pair)]
    late = [(at + 8.0, m) for at, m in timed if late_one((at, m))]
    room = Room.new("room-1")
    rows = run(entries(sorted([*early, *late], key=lambda pair: pair[0])), room)
    assert room.state.counts["late"] == 6
    assert sum(row.frames_late for row in of(CameraMinuteRow, rows)) == 6
    assert sum(row.frames_lost for row in of(CameraMinuteRow, rows)) == 0
    window = next(r for r in of(AttentionWindowRow, rows) if r.window_start == START + 60)
    assert (window.n_obs, window.missing_reason) == (7, Reason.LATE_DATA)


def late_one(pair):
    return type(pair[1]).__name__ == "FrameFaces" and 60.5 <= pair[0] < 63.5


def test_a_bogus_future_time_neither_races_nor_stays():
    timed = timed_log(plan(seats=1), 60, faces_until(99))
    bogus = frame(0, 9999, [face(*centre(0))], epoch="e1", captured_at=(START + 10**6) * NS)
    room = Room.new("room-1")
    rows = run(entries(sorted([*timed, (30.0, bogus)], key=lambda p: p[0])), room)
    assert room.state.counts == {"nonsense": 1}
    assert as_bytes(rows) == as_bytes(run(entries(timed)))


def test_a_flood_for_one_second_is_bounded():
    timed = [(0.0, plan(seats=1))]
    timed += [(1.0, frame(1.0, seq, [])) for seq in range(5 * MAX_FRAMES)]
    room = Room.new("room-1")
    run(entries(timed), room)
    assert len(room.state.inbox.seconds[START + 1].frames) == MAX_FRAMES
    assert room.state.counts["overflow"] == 4 * MAX_FRAMES


def test_idle_rooms_and_dead_cameras_do_not_stall_time():
    timed = timed_log(plan(seats=1), 45, faces_until(99))
    rows = run(entries(timed + ticks(50, 70)))
    assert START + 50 in {row.window_start for row in of(AttentionWindowRow, rows)}


def test_observations_before_any_plan_are_counted_not_scored():
    timed = [(at, m) for at, m in timed_log(plan(seats=1), 30, faces_until(99)) if at > 0]
    room = Room.new("room-1")
    assert run(entries(timed), room) == []
    assert room.state.counts["no_plan"] > 0


def test_an_unknown_camera_is_counted():
    timed = timed_log(plan(seats=1), 30, faces_until(99))
    stray = (10.5, frame(10.0, 1, [face(*centre(0))], camera="cam-9"))
    room = Room.new("room-1")
    run(entries(sorted([*timed, stray], key=lambda pair: pair[0])), room)
    assert room.state.counts == {"unknown_camera": 1}


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


def test_broken_numbers_in_faces_are_survived():
    nan = float("nan")

    def scene(at_s, camera):
        broken = [face(nan, 0.5), face(0.5, 0.5, nan, nan), face(0.9, 0.9, 1e9, px=1e9)]
        return [face(*centre(0)), *broken]

    rows = run(entries(timed_log(plan(seats=1), 80, scene)))
    assert of(AttentionWindowRow, rows)[-1].score == 10_000
