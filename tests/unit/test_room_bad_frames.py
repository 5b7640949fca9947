"""Frames that are missing, late, too many or nonsense are counted; they never cost a score."""

import msgspec
import pytest

from aggregator.inbox import MAX_FRAMES
from aggregator.room import Room
from aggregator.rows import AttentionWindowRow, CameraMinuteRow
from aggregator.score import Reason
from tests.unit.room_log import NS, START, centre, entries, face, frame, plan, status, timed_log
from tests.unit.room_rows import as_bytes, faces_until, of, run


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


def test_broken_numbers_in_faces_are_survived():
    nan = float("nan")

    def scene(at_s, camera):
        broken = [face(nan, 0.5), face(0.5, 0.5, nan, nan), face(0.9, 0.9, 1e9, px=1e9)]
        return [face(*centre(0)), *broken]

    rows = run(entries(timed_log(plan(seats=1), 80, scene)))
    assert of(AttentionWindowRow, rows)[-1].score == 10_000
