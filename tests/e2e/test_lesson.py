"""A simulated lesson: RTSP, Redis, worker, aggregator, PostgreSQL; rows beside the truth.

It proves the plumbing, never accuracy on people: the pose fit uses the mesh that is drawn.
"""

import re
from dataclasses import replace

import pytest

from aggregator.rows import AttentionWindowRow
from deploy.demo.summary import agreement
from deploy.demo.truth import SeatKey
from tests.e2e.conftest import Lesson
from tests.e2e.disk_watch import JPEG
from tests.e2e.running_pipeline import CAMERAS, window_key

pytestmark = pytest.mark.timeout(400)

OWN_FILES = {
    "frames": {"password", "port", "lock", "valkey.conf", "valkey.log", "valkey.pid"},
    "logs": {"ingest.log", "worker-0.log", "aggregator.log", "cameras.log"},
}


@pytest.fixture(scope="module")
def pipeline(lesson: Lesson):
    return lesson.pipeline


def test_scores_agree_with_the_simulated_truth(lesson: Lesson):
    covered = [s for s in lesson.students if s.score is not None and s.coverage >= 0.5]
    assert len(covered) >= 0.7 * len(lesson.students)
    spearman, mean_abs_diff = agreement(lesson.students)
    assert mean_abs_diff is not None
    assert mean_abs_diff <= 10.0, lesson.students
    assert spearman is not None
    assert spearman >= 0.9, lesson.students


def test_the_scores_of_another_student_do_not_agree(lesson: Lesson):
    """The comparison can fail: everybody beside the neighbour's truth."""
    neighbours = [*lesson.students[1:], lesson.students[0]]
    mixed_up = [
        replace(student, true_score=other.true_score)
        for student, other in zip(lesson.students, neighbours, strict=True)
    ]
    _, mean_abs_diff = agreement(mixed_up)
    assert mean_abs_diff is not None
    assert mean_abs_diff > 10.0


def test_every_seat_has_one_participation_and_every_room_one_meeting(pipeline):
    seats = sum(len(room.seats) for room in pipeline.simulation.rooms)
    known = pipeline.rows(
        "SELECT meeting_id, seat_id, present, identity_source FROM participations"
    )
    assert len({(row.meeting_id, row.seat_id) for row in known}) == len(known) == seats
    assert {row.identity_source for row in known} == {"seat"}
    assert all(row.present for row in known)
    meetings = pipeline.rows("SELECT room_id, status, upper(actual) AS ended FROM meetings")
    assert len({meeting.room_id for meeting in meetings}) == len(meetings) == 2
    assert {(meeting.status, meeting.ended is not None) for meeting in meetings} == {("held", True)}


def test_windows_are_whole_or_say_why_they_are_not(pipeline):
    windows = pipeline.windows()
    assert len(windows) >= 2 * 15
    for row in windows:
        assert 0 <= row.n_obs <= row.n_exp <= row.window_s == 10
        assert row.start % 10 == 0
        if row.score is None:
            assert 1 <= row.missing_reason <= 9
        else:
            assert row.n_obs >= max(3, row.n_exp / 2)
            assert row.score == pytest.approx(row.sum_x / row.n_obs, abs=1)
        if row.n_obs == row.n_exp and row.n_exp >= 3:
            assert row.missing_reason == 0


def test_whoever_could_be_seen_in_a_whole_window_has_a_score(lesson: Lesson, pipeline):
    visible = [row for row in pipeline.windows() if row.n_exp == 10 and seen_s(lesson, row) >= 8]
    missed = [row for row in visible if row.score is None]
    assert len(visible) >= 15
    assert len(missed) <= 0.1 * len(visible), missed


def seen_s(lesson: Lesson, row) -> int:
    """Seconds of a window in which a perfect detector would have found the face."""
    seat = SeatKey(row.room, row.seat)
    seconds = [(float(row.start + i), float(row.start + i + 1)) for i in range(10)]
    return sum(lesson.truth.score(seat, [second]) is not None for second in seconds)


def test_two_cameras_of_a_room_count_a_student_once(pipeline):
    both = [row for row in pipeline.windows() if row.room == "three"]
    masks = {row.cam_mask for row in both}
    assert any(mask.bit_count() == 2 for mask in masks), masks
    assert len({(row.seat, row.start) for row in both}) == len(both)


def test_the_rows_are_those_of_the_log(pipeline):
    expected = [row for row in pipeline.expected_rows() if isinstance(row, AttentionWindowRow)]
    assert sorted(map(window_key, expected)) == sorted(map(window_key, pipeline.windows()))


def test_every_frame_is_accounted_for(pipeline):
    cameras = {row.camera: row for row in pipeline.rows(CAMERAS)}
    sampled, analysed = pipeline.sampled_frames(), pipeline.records("analysed")
    assert set(cameras) == set(sampled) == {f.camera_id for f in pipeline.simulation.films}
    for camera, row in cameras.items():
        assert row.published == row.analysed + row.expired + row.dead + row.lost
        assert row.published + row.refused == sampled[camera]  # nothing is in flight any more
        assert row.analysed == analysed[camera]
        assert row.published >= 0.7 * 2 * pipeline.simulation.duration_s
        assert row.dead == row.refused == 0
        assert row.reconnects <= 1
        assert row.analysed >= 0.8 * row.published


def test_no_connection_ended_but_by_the_simulated_camera_at_the_end_of_its_film(pipeline):
    ends = pipeline.rows(
        "SELECT extract(epoch FROM minute)::bigint AS minute, reconnect_causes AS causes "
        "FROM camera_minutes WHERE reconnects > 0"
    )
    end_s = pipeline.started_at_ns / 1e9 + pipeline.simulation.duration_s
    for row in ends:
        assert row.causes == {"dropped": 1}
        assert end_s - 60 <= row.minute + 60 <= end_s + 120


def test_the_lesson_has_its_summaries_minutes_and_expressions(pipeline):
    students = pipeline.rows(
        "SELECT present_s, observed_s, model_version FROM participation_summaries"
    )
    assert len(students) == 15
    assert all(0 < row.observed_s <= row.present_s for row in students)
    lessons = pipeline.rows("SELECT n_present, n_scored, model_version FROM meeting_summaries")
    assert sorted(row.n_present for row in lessons) == [3, 12]
    assert all("xception" in row.model_version for row in lessons)
    assert pipeline.rows("SELECT 1 FROM attention_minutes")
    classes = pipeline.rows("SELECT score_mean, n_scored FROM meeting_minutes")
    assert any(row.score_mean is not None and row.n_scored >= 5 for row in classes)
    expressions = pipeline.rows("SELECT n_obs, p_sum FROM expression_minutes")
    assert expressions
    for row in expressions:
        assert sum(row.p_sum) == pytest.approx(row.n_obs, rel=0.01)


def test_nothing_had_to_be_restarted_and_nothing_complains(lesson: Lesson, pipeline):
    assert set(lesson.restarts.values()) == {0}
    assert pipeline.faces_client.xlen("dead:{0}") == 0
    for name in ("worker-0", "aggregator"):
        log = pipeline.supervisor.log_path(name).read_text(encoding="utf-8")
        assert not re.search(r"Traceback|\[error", log), log


def test_no_service_writes_a_picture_to_the_disk(lesson: Lesson, pipeline):
    watch, frames = lesson.watch, pipeline.sampled_frames()
    assert len(lesson.needles) >= 20
    assert watch.pictures_left(lesson.needles) == set()
    assert watch.pictures_seen == set()
    for folder, names in OWN_FILES.items():
        assert {path.name for path in (pipeline.folder / folder).iterdir()} <= names
    of_frames = lesson.frame_bytes * sum(frames.values())
    for name in ("ingest", "worker-0", "aggregator", "frames server"):
        opened = watch.opened.get(name, set())
        assert all(path.endswith(".log") for path in opened), (name, opened)
        assert watch.bytes_written(name) < of_frames / 10, name


def test_the_log_of_observations_holds_no_picture_and_no_landmarks(pipeline):
    for room in pipeline.entries:
        stream = f"faces:{{0}}:{room}"
        for _, fields in pipeline.faces_client.xrange(stream):
            assert set(fields) == {b"v", b"kind", b"body"}
            assert not JPEG.search(fields[b"body"])
            assert len(fields[b"body"]) < 400 * 13  # some 300 bytes a face
