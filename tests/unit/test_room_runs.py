"""A recording's run: its time is the film's, its one meeting is the film."""

from __future__ import annotations

import datetime as dt
import random

import msgspec

from aggregator.plan import build_plan
from aggregator.retention import KeptFrom, kept_from
from aggregator.room import Room
from aggregator.rows import (
    AttentionMinuteRow,
    AttentionWindowRow,
    CameraMinuteRow,
    MeetingRow,
    MeetingSummaryRow,
    ParticipationSummaryRow,
    Rows,
)
from schemas.messages import CameraStatus, EndOfStream, FrameFaces, RoomMessage
from schemas.room_plan import RecordedMeeting
from schemas.site import Site
from schemas.site_retention import Retention
from tests.unit import room_log
from tests.unit.room_log import NS, START, Scene

RUN = "film-1"
LENGTH_S = 200
NOW_MS = (START + 150 * 86_400) * 1000  # the film is of last term


def of_run(message: RoomMessage) -> RoomMessage:
    return msgspec.structs.replace(message, run_id=RUN)


def run_plan(**changes: object):
    plan = room_log.plan(seats=6, cameras=changes.pop("cameras", ("cam-1",)), **changes)
    recording = RecordedMeeting(start=START, class_id="7a", activity="lecture")
    return msgspec.structs.replace(plan, recording=recording, run_id=RUN)


def said(at: int, camera: str, **changes: object) -> CameraStatus:
    status = room_log.status(at, max(-1, 2 * at - 1), camera)
    return msgspec.structs.replace(status, run_id=RUN, **changes)


def replayed(
    scene: Scene,
    *,
    length_s: int = LENGTH_S,
    cameras: tuple[str, ...] = ("cam-1",),
    workers: random.Random | None = None,
) -> list[RoomMessage]:
    """A run's log; `workers` puts each second's frames up to 5 s early and in any order."""
    log: list[tuple[float, int, RoomMessage]] = [(-10.0, 0, run_plan(cameras=cameras))]
    for camera in cameras:
        for k in range(2 * length_s):
            at = k / 2 + 0.1
            early = workers.uniform(0, 5) if workers else 0.0
            analysed_at = (START + 10**7 + k) * NS if workers else (START + 10**7) * NS
            frame = room_log.frame(at, k, scene(at, camera), camera, analysed_at=analysed_at)
            log.append((max(-9.0, at - early), 1, of_run(frame)))
        log += [(float(t), 2, said(t, camera)) for t in range(length_s)]
        end = EndOfStream(
            room_id="room-1",
            camera_id=camera,
            at=(START + length_s) * NS,
            epoch="e1",
            last_seq=2 * length_s - 1,
            run_id=RUN,
        )
        log.append((float(length_s), 3, end))
        over = said(length_s + 1, camera, state="down", cause="ended")
        log.append((float(length_s + 1), 4, over))
    return [message for _, _, message in sorted(log, key=lambda entry: entry[:2])]


def fed(log: list[RoomMessage], room: Room | None = None, since_ms: int = NOW_MS) -> Rows:
    room = room or Room.new("room-1", RUN)
    rows: Rows = []
    for number, message in enumerate(log):
        rows += room.feed(f"{since_ms + number // 50}-{number}", message)
    return rows


def of_kind(rows: Rows, kind: type) -> Rows:
    return [row for row in rows if type(row) is kind]


def nobody(at_s: float, camera: str):
    return ()


def test_a_film_of_last_term_gives_windows_of_last_term():
    rows = fed(replayed(room_log.classroom()))
    windows = of_kind(rows, AttentionWindowRow)
    assert {row.window_start for row in windows} <= set(range(START, START + LENGTH_S))
    assert len(windows) > 6 * 15
    assert all(row.n_obs <= row.n_exp for row in windows)


def test_the_meeting_is_the_film_from_its_first_second_to_its_last():
    meetings = of_kind(fed(replayed(room_log.classroom())), MeetingRow)
    assert [(m.source_key, m.started, m.ended, m.class_slug, m.planned) for m in meetings] == [
        ("film:2026-11-18T11:10:00Z", START, None, "7a", None),
        ("film:2026-11-18T11:10:00Z", START, START + LENGTH_S, "7a", None),
    ]


def test_a_film_with_nobody_in_it_is_a_meeting_without_participants():
    rows = fed(replayed(nobody))
    summary = of_kind(rows, MeetingSummaryRow)
    assert [(row.n_present, row.coverage, row.score_mean) for row in summary] == [(0, 0, None)]
    assert of_kind(rows, ParticipationSummaryRow) == []


def test_students_who_are_away_for_long_do_not_end_the_film():
    def away_for_long(at_s: float, camera: str):
        return () if 20 < at_s < 380 else room_log.classroom()(at_s, camera)

    meetings = of_kind(fed(replayed(away_for_long, length_s=420)), MeetingRow)
    assert [m.ended for m in meetings] == [None, START + 420]


def test_rows_do_not_depend_on_the_workers():
    undisturbed = fed(replayed(room_log.classroom(), cameras=("cam-1", "cam-2")))
    for seed in range(3):
        log = replayed(
            room_log.classroom(), cameras=("cam-1", "cam-2"), workers=random.Random(seed)
        )
        assert fed(log, since_ms=NOW_MS + 10**9) == undisturbed


def test_a_run_taken_up_again_in_a_new_log_ends_with_the_same_rows():
    log = replayed(room_log.classroom())
    undisturbed = fed(log)
    cut = len(log) // 2
    room = Room.new("room-1", RUN)
    rows = fed(log[:cut], room)
    again = Room.restore(room.snapshot())
    again.skip("0-0")  # the new log begins
    since = again.state.cursor
    left = [m for m in log if _film_time(m) >= since]
    rows += fed([log[0], *left], again, since_ms=NOW_MS + 10**6)
    assert rows == undisturbed


def test_frames_that_come_twice_after_their_second_change_nothing():
    log = replayed(room_log.classroom())
    frames = [m for m in log if isinstance(m, FrameFaces)]
    doubled = [*log[:500], *frames[:100], *log[500:]]
    assert fed(doubled) == fed(log)


def test_frames_before_the_plan_wait_for_it():
    log = replayed(room_log.classroom())
    frames = [m for m in log if isinstance(m, FrameFaces)][:4]
    assert fed([*frames, *log]) == fed(log)


def test_the_plan_of_a_run_leaves_the_timetable_out():
    rule = {
        "id": "r",
        "room": "room-1",
        "class": "7a",
        "weekdays": ["mon"],
        "start": "08:30",
        "end": "09:15",
    }
    site = Site.model_validate(
        {
            "version": 1,
            "site": {"id": "school", "time_zone": "UTC"},
            "policy": "demo",
            "rooms": [{"id": "room-1", "cameras": [{"id": "cam-1", "url": "film.mp4"}]}],
            "timetable": [rule],
        }
    )
    room, bits = site.rooms[0], {"cam-1": 0}
    recording = RecordedMeeting(start=START)
    assert build_plan(site, room, bits, START * NS).lessons
    assert build_plan(site, room, bits, START * NS, RUN, recording).lessons == ()


def test_a_camera_whose_film_is_shorter_is_down_for_the_rest():
    log = replayed(room_log.classroom(), cameras=("cam-1", "cam-2"))
    short_s = 120
    cut = [
        m for m in log if getattr(m, "camera_id", "") != "cam-2" or _film_time(m) < START + short_s
    ]
    end = next(m for m in log if isinstance(m, EndOfStream) and m.camera_id == "cam-2")
    cut.insert(
        next(i for i, m in enumerate(cut) if _film_time(m) >= START + short_s),
        msgspec.structs.replace(end, at=(START + short_s) * NS, last_seq=2 * short_s - 1),
    )
    rows = fed(cut)
    assert [m.ended for m in of_kind(rows, MeetingRow)] == [None, START + LENGTH_S]
    summary = of_kind(rows, MeetingSummaryRow)[0]
    assert summary.camera_down_s == LENGTH_S - short_s


def test_a_run_keeps_no_books_of_cameras():
    assert of_kind(fed(replayed(room_log.classroom())), CameraMinuteRow) == []


def test_a_run_is_over_when_its_last_second_is_written():
    log = replayed(room_log.classroom())
    room = Room.new("room-1", RUN)
    fed(log[:-1], room)
    assert not room.is_over
    room.feed(f"{NOW_MS + 10**6}-0", log[-1])
    assert room.is_over
    assert not Room.new("room-1").is_over


def test_what_is_beyond_retention_is_rolled_up_and_not_kept():
    rows = fed(replayed(room_log.classroom()))
    left = KeptFrom(windows=START + LENGTH_S, student_minutes=START + 60).kept(rows)
    assert of_kind(left, AttentionWindowRow) == []
    assert {row.minute for row in of_kind(left, AttentionMinuteRow)} == {
        START + 60,
        START + 120,
        START + 180,
    }
    for kind in (MeetingRow, MeetingSummaryRow, ParticipationSummaryRow):
        assert of_kind(left, kind) == of_kind(rows, kind)


def test_retention_counts_whole_days_back_from_now():
    now = dt.datetime(2026, 11, 27, 19, 30, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    kept = kept_from(Retention(windows_days=1, student_minutes_days=27), now)
    assert dt.datetime.fromtimestamp(kept.windows, dt.UTC) == dt.datetime(
        2026, 11, 26, tzinfo=dt.UTC
    )
    assert dt.datetime.fromtimestamp(kept.student_minutes, dt.UTC) == dt.datetime(
        2026, 10, 31, tzinfo=dt.UTC
    )


def _film_time(message: RoomMessage) -> int:
    at = message.captured_at if isinstance(message, FrameFaces) else getattr(message, "at", 0)
    return at // NS
