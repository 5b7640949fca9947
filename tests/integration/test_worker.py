"""The worker against a real Valkey: every frame gets its record, whatever happens on the way."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from schemas import messages
from schemas.messages import encode
from schemas.streams import GROUP_WORKERS, frames_stream
from tests.fixtures_analyzer import StandInAnalyzer
from tests.fixtures_worker import LocalValkey, work_without_ever_finishing
from tests.integration.running_worker import (
    ROOM_OF,
    SITE_TEXT,
    WAIT_S,
    School,
    grey_jpeg,
    identities,
    wait_until,
)
from workers.runner import Tuning


@pytest.fixture(scope="module")
def two_servers() -> Iterator[tuple[LocalValkey, LocalValkey]]:
    with LocalValkey() as frames, LocalValkey() as faces:
        yield frames, faces


@pytest.fixture
def school(two_servers) -> School:
    for server in two_servers:
        with server.client() as client:
            client.flushall()
    return School(*two_servers)


def test_every_frame_of_every_camera_gets_one_record_and_is_acknowledged(school):
    with school.worker() as worker:
        sent = [school.publish(camera, level=60) for camera in ("c1", "c2", "c3", "c1", "c1", "c3")]
        records = school.wait_for_records(len(sent))
        wait_until(lambda: school.pending() == 0, "all acknowledgements")
    assert identities(records) == identities(sent)
    assert {record.outcome for record in records} == {"analysed"}
    assert {record.model_version for record in records} == {"stand-in-1"}
    assert all(record.faces[0].box_xyxy[2] == pytest.approx(60, abs=2) for record in records)
    assert all(record.analysed_at >= record.captured_at for record in records)
    assert max(worker.analyzer.batch_sizes) <= 2


def test_frames_from_before_the_worker_was_there_are_not_forgotten(school):
    sent = [school.publish("c1") for _ in range(9)]
    with school.worker() as worker:
        records = school.wait_for_records(9)
    assert identities(records) == identities(sent)
    assert max(worker.analyzer.batch_sizes) <= 2


def test_an_old_frame_expires_with_a_record(school):
    school.max_age_s = 3.0
    with school.worker() as worker:
        school.publish("c1", age_s=3.5)
        (record,) = school.wait_for_records(1)
        wait_until(lambda: school.pending() == 0, "the acknowledgement")
    assert (record.outcome, record.faces) == ("expired", ())
    assert worker.analyzer.batch_sizes == []
    assert school.dead_letters() == []


def test_bad_input_becomes_dead_letters_without_pictures_and_nothing_else_is_lost(school):
    broken = grey_jpeg(80)[:60]
    with school.worker():
        school.add("c1", encode(school.header("c1"), broken))
        school.add("c1", {b"v": b"1", b"kind": b"frame", b"body": b"\xc1", b"jpeg": broken})
        school.add("c2", encode(school.header("c2", camera_id="c9"), grey_jpeg(80)))
        good = [school.publish("c1"), school.publish("c3")]
        records = school.wait_for_records(3)
        wait_until(lambda: len(school.dead_letters()) == 3, "three dead letters")
        wait_until(lambda: school.pending() == 0, "all acknowledgements")
    assert identities(r for r in records if r.outcome == "analysed") == identities(good)
    assert [(r.camera_id, r.seq) for r in records if r.outcome == "dead"] == [("c1", 0)]
    text = repr(school.dead_letters())
    assert "unknown camera 'c9'" in text
    for letter in school.dead_letters():
        assert not any(broken in value for value in letter.values())


def test_a_poison_picture_is_dead_and_its_neighbours_are_analysed(school):
    school.publish("c1", level=50)
    school.publish("c1", level=255)
    school.publish("c1", level=70)
    with school.worker():
        records = school.wait_for_records(3)
    outcomes = {record.seq: record.outcome for record in records}
    assert outcomes == {0: "analysed", 1: "dead", 2: "analysed"}
    assert len(school.dead_letters()) == 1


@pytest.mark.parametrize("overlap", [False, True])
def test_a_stop_finishes_what_is_in_hand_and_leaves_the_group(school, overlap):
    go_on = threading.Event()
    analyzer = StandInAnalyzer(before=lambda images: go_on.wait(WAIT_S))
    with school.worker(analyzer, tuning=Tuning(overlap=overlap)) as worker:
        school.publish("c1")
        assert analyzer.started.wait(WAIT_S)
        assert len(school.consumers()) == 1
        worker.stop.set()
        go_on.set()
    assert len(school.records()) == 1
    assert school.pending() == 0
    assert school.consumers() == []


def test_while_the_faces_server_is_away_results_are_kept_and_acknowledged_only_after(school):
    go_on = threading.Event()
    analyzer = StandInAnalyzer(before=lambda images: go_on.wait(WAIT_S))
    with school.worker(analyzer) as worker:
        sent = [school.publish("c1")]
        assert analyzer.started.wait(WAIT_S)
        school.faces.stop()
        go_on.set()
        wait_until(lambda: not worker.ready, "the worker to notice")
        assert school.pending() == 1
        sent.append(school.publish("c1"))
        school.faces.start()
        records = school.wait_for_records(2)
        wait_until(lambda: school.pending() == 0, "all acknowledgements")
        wait_until(lambda: worker.ready, "the worker to be ready again")
    assert identities(records) == identities(sent)


def test_a_frames_server_that_restarts_empty_is_used_again_by_itself(school):
    with school.worker() as worker:
        school.publish("c1")
        school.wait_for_records(1)
        school.frames.stop()
        wait_until(lambda: not worker.ready, "the worker to notice")
        school.frames.start()
        sent = [school.publish("c1"), school.publish("c3")]
        records = school.wait_for_records(3)
    assert identities(records)[1:] == identities(sent)


@pytest.mark.parametrize("overlap", [False, True])
def test_a_stop_while_the_frames_server_is_away_ends_without_an_error(school, overlap):
    try:
        with school.worker(tuning=Tuning(overlap=overlap)) as worker:
            wait_until(lambda: worker.ready, "the worker to be ready")
            school.frames.stop()
            wait_until(lambda: not worker.ready, "the worker to notice")
    finally:
        school.frames.start()


def test_a_flushed_frames_server_gets_its_groups_again(school):
    with school.worker():
        school.publish("c1")
        school.wait_for_records(1)
        with school.frames.client() as client:
            client.flushall()
        school.publish("c2")
        assert len(school.wait_for_records(2)) == 2


def test_a_worker_in_the_middle_of_a_long_analysis_keeps_its_frames(school):
    go_on = threading.Event()
    slow = StandInAnalyzer(before=lambda images: go_on.wait(WAIT_S))
    quick = StandInAnalyzer()
    with school.worker(slow):
        school.publish("c1")
        assert slow.started.wait(WAIT_S)
        (owner,) = school.consumers()
        with school.worker(quick):
            patience = time.monotonic() + 3.0  # a second more than a dead worker's frames wait
            while time.monotonic() < patience:
                with school.frames.client() as client:
                    (entry,) = client.xpending_range(
                        frames_stream("c1"), GROUP_WORKERS, "-", "+", 10
                    )
                assert entry["consumer"].decode() == owner
                assert entry["time_since_delivered"] < 2000
                time.sleep(0.05)
            go_on.set()
            school.wait_for_records(1)
    assert quick.batch_sizes == []
    assert len(school.records()) == 1


def take_as_a_dead_worker(school: School, camera: str, deliveries: int = 1) -> None:
    """Deliver all new frames of `camera` to a consumer that will never answer."""
    with school.frames.client() as client:
        stream = frames_stream(camera)
        ((_, entries),) = client.xreadgroup(GROUP_WORKERS, "dead-1", {stream: ">"})
        for entry_id, _ in entries:
            client.xclaim(stream, GROUP_WORKERS, "dead-1", 0, [entry_id], retrycount=deliveries)


def groups_for(school: School) -> None:
    with school.frames.client() as client:
        for camera in ROOM_OF:
            client.xgroup_create(frames_stream(camera), GROUP_WORKERS, id="0", mkstream=True)


def test_the_frames_of_a_dead_worker_are_taken_over(school):
    groups_for(school)
    sent = [school.publish("c1") for _ in range(3)]
    take_as_a_dead_worker(school, "c1")
    with school.worker() as worker:
        records = school.wait_for_records(3)
        wait_until(lambda: school.pending() == 0, "all acknowledgements")
    assert identities(records) == identities(sent)
    assert worker.analyzer.batch_sizes == [1, 1, 1]  # one at a time: one of them may be the killer


def test_a_killed_process_loses_no_frame(school):
    hanging = multiprocessing.get_context("spawn").Process(
        target=work_without_ever_finishing,
        args=(SITE_TEXT.format(policy="demo"), school.frames.url, school.faces.url),
    )
    sent = [school.publish("c1"), school.publish("c3")]
    groups_for(school)
    hanging.start()
    try:
        wait_until(lambda: school.pending() == 2, "the process to take the frames")
    finally:
        hanging.kill()
        hanging.join(WAIT_S)
    with school.worker():
        records = school.wait_for_records(2)
        wait_until(lambda: school.pending() == 0, "all acknowledgements")
    assert identities(records) == identities(sent)


def test_a_frame_that_killed_three_workers_is_given_up(school):
    groups_for(school)
    school.publish("c1")
    take_as_a_dead_worker(school, "c1", deliveries=3)
    with school.worker() as worker:
        (record,) = school.wait_for_records(1)
        wait_until(lambda: school.pending() == 0, "the acknowledgement")
    assert (record.outcome, worker.analyzer.batch_sizes) == ("dead", [])
    assert "gave up after 3 deliveries" in repr(school.dead_letters())


def test_trimmed_frames_of_a_dead_worker_are_swept(school):
    groups_for(school)
    for _ in range(5):
        school.publish("c1")
    take_as_a_dead_worker(school, "c1")
    with school.frames.client() as client:
        client.xtrim(frames_stream("c1"), maxlen=0, approximate=False)
    assert school.pending() == 5
    with school.worker():
        wait_until(lambda: school.pending() == 0, "the sweep")
    assert school.records() == []


def test_newer_frames_are_not_acknowledged_and_the_other_cameras_go_on(school):
    with school.worker() as worker, capture_logs() as logs:
        wait_until(lambda: worker.ready, "the worker to be ready")
        newer = encode(school.header("c1"), grey_jpeg(90)) | {messages.FIELD_VERSION: b"2"}
        school.add("c1", newer)
        wait_until(lambda: not worker.ready, "the worker to turn unready")
        sent = school.publish("c3")
        records = school.wait_for_records(1)
        assert school.pending() == 1
    assert identities(records) == identities([sent])
    assert school.dead_letters() == []
    assert "newer_message" in {log["action"] for log in logs}


def test_under_a_locked_profile_no_expression_leaves_the_worker(school):
    school.policy = "eu"
    with school.worker(StandInAnalyzer(expression=True)):
        school.publish("c1")
        (record,) = school.wait_for_records(1)
    assert record.faces[0].expression is None


def test_where_policy_permits_expressions_travel(school):
    with school.worker(StandInAnalyzer(expression=True)):
        school.publish("c1")
        (record,) = school.wait_for_records(1)
    assert record.faces[0].expression[0] == 1.0
