"""Policy's locks, end to end: the same lesson's log under other profiles, and a locked worker."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from aggregator.rows import AttentionWindowRow
from schemas import tables
from schemas.messages import FrameFaces, decode_room_message
from schemas.streams import faces_stream
from tests.e2e.camera_pictures import FakeCamera
from tests.e2e.conftest import Lesson
from tests.e2e.running_pipeline import WINDOWS, window_key
from tests.e2e.side_stage import SideStage
from workers.weights import cache_folder, manifest

pytestmark = pytest.mark.timeout(400)

PER_STUDENT = [
    name
    for name, table in tables.metadata.tables.items()
    if {"participation_id", "student_id"} & set(table.columns.keys())
]
POLICIES = {"eu": "eu", "no-expression": {"profile": "demo", "expression": False}}


@pytest.fixture(scope="module")
def replays(lesson: Lesson, tmp_path_factory):
    """The lesson's log, read again by real aggregators under two other policies at once."""
    folder = tmp_path_factory.mktemp("policies")
    stages = {
        name: SideStage(lesson.pipeline, number, folder / name, policy)
        for number, (name, policy) in enumerate(POLICIES.items(), start=1)
    }
    try:
        for stage in stages.values():
            stage.copy_log()
            stage.start("aggregator")
        for stage in stages.values():
            stage.until_read(*((room, log[-1][0]) for room, log in lesson.pipeline.entries.items()))
        yield stages
    finally:
        for stage in stages.values():
            stage.close()


@pytest.fixture(scope="module")
def cache_without_expression(networks, tmp_path_factory) -> Path:
    """A cache in which the expression network does not exist."""
    cache = tmp_path_factory.mktemp("cache")
    for part in ("weights", "openvino"):
        (cache / part).mkdir()
        for path in (cache_folder() / part).glob("*"):
            locked = path.name == manifest()["mini_xception"].file or "xception" in path.name
            if not locked:
                (cache / part / path.name).symlink_to(path)
    return cache


def counts(stage):
    return {
        name: stage.rows(f"SELECT count(*) FROM {name}")[0][0]
        for name in PER_STUDENT
        if "." not in name
    }


def test_under_eu_no_table_holds_a_row_of_a_student(lesson: Lesson, replays):
    assert {"participations", "attention_windows", "expression_minutes"} <= set(PER_STUDENT)
    assert any(counts(lesson.pipeline).values()), "the very same log has them under demo"
    assert set(counts(replays["eu"]).values()) == {0}


def test_under_eu_class_rows_exist_for_groups_that_are_large_enough(lesson: Lesson, replays):
    query = """
        SELECT slug, minute, n_scored, score_mean, coverage FROM meeting_minutes
        JOIN rooms USING (room_id) ORDER BY slug, minute
    """
    eu, demo = replays["eu"].rows(query), lesson.pipeline.rows(query)
    assert [(row.slug, row.minute, row.n_scored) for row in eu] == [
        (row.slug, row.minute, row.n_scored) for row in demo
    ]
    for locked, free in zip(eu, demo, strict=True):
        assert locked.score_mean == (free.score_mean if locked.n_scored >= 10 else None)
    assert any(row.score_mean is not None for row in eu)
    summaries = replays["eu"].rows("SELECT n_present, model_version FROM meeting_summaries")
    assert sorted(row.n_present for row in summaries) == [3, 12]
    meetings = replays["eu"].rows("SELECT status, policy_profile, identity_mode FROM meetings")
    assert set(meetings) == {("held", "eu", 0)}


def test_scores_are_the_same_with_expressions_on_and_off(lesson: Lesson, replays):
    off = replays["no-expression"]
    assert counts(off)["expression_minutes"] == 0
    assert counts(lesson.pipeline)["expression_minutes"] > 0
    expected = [row for row in lesson.pipeline.expected_rows() if type(row) is AttentionWindowRow]
    assert len(expected) > 30
    assert sorted(map(window_key, off.rows(WINDOWS))) == sorted(map(window_key, expected))
    with_it = lesson.pipeline.rows(WINDOWS)
    assert sorted(map(window_key, off.rows(WINDOWS))) == sorted(map(window_key, with_it))


@pytest.fixture(scope="module")
def locked_workers(lesson: Lesson, cache_without_expression, tmp_path_factory):
    """Worker processes without permission, and that cache."""
    folder = tmp_path_factory.mktemp("locked")
    stages = {
        name: SideStage(lesson.pipeline, number, folder / name, policy)
        for number, (name, policy) in enumerate(POLICIES.items(), start=3)
    }
    try:
        for stage in stages.values():
            stage.start("worker", FACEPOSE_CACHE=str(cache_without_expression))
        yield stages
    finally:
        for stage in stages.values():
            stage.close()


@pytest.mark.parametrize("policy", POLICIES)
def test_a_worker_without_permission_needs_no_expression_network(
    lesson: Lesson, locked_workers, policy
):
    stage = locked_workers[policy]
    [film] = [f for f in lesson.pipeline.simulation.films if f.room_id == "twelve"]
    camera = FakeCamera(stage.frames_client, film)
    stage.until(lambda: analysed_after(camera, stage), "an analysed frame", 90)
    assert stage.supervisor.restarts == {"worker": 0}
    assert "xception" not in Path(f"/proc/{stage.supervisor.pid('worker')}/maps").read_text()
    for record in records(stage, "twelve"):
        assert "yunet" in record.model_version
        assert "xception" not in record.model_version
        assert all(face.expression is None for face in record.faces)


def test_a_worker_with_permission_asks_for_the_network(
    lesson: Lesson, cache_without_expression, tmp_path
):
    stage = SideStage(lesson.pipeline, 5, tmp_path / "site", "demo")
    try:
        result = subprocess.run(
            [sys.executable, "-m", "deploy", "worker", str(stage.site_path)],
            env={**stage.servers.environment, "FACEPOSE_CACHE": str(cache_without_expression)},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
    finally:
        stage.close()
    assert result.returncode != 0
    assert "'mini_xception'" in result.stderr
    assert "facepose weights pull" in result.stderr
    assert "Traceback" not in result.stderr


def records(stage, room):
    decoded = [
        decode_room_message(fields) for _, fields in stage.faces_client.xrange(faces_stream(room))
    ]
    return [m for m in decoded if isinstance(m, FrameFaces) and m.outcome == "analysed"]


def analysed_after(camera, stage):
    """Publish now and then; whether a frame with most of the class was analysed."""
    if not camera.seq or time.monotonic() - camera.published_s > 1.0:
        camera.published_s = time.monotonic()
        camera.good()
    return any(len(record.faces) >= 8 for record in records(stage, "twelve"))
