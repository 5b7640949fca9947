"""Servers that go away for 20 s and services that are killed, in the middle of a lesson."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest

from aggregator.rows import AttentionWindowRow
from deploy.local.servers import EmbeddedPostgres, EmbeddedValkey
from tests.e2e.running_pipeline import CAMERAS, Pipeline, window_key
from tests.e2e.simulated_school import one_row

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

AWAY_S = 20.0
FILM_MINUTES = 7.0  # longer than any of these tests needs
SERVERS = ("frames", "faces", "postgres")
CAMERA_DOWN, NOT_ANALYSED = 1, 9


@pytest.fixture
def pipeline(networks, service_environment, tmp_path):
    pipeline = Pipeline(tmp_path / "state", one_row(FILM_MINUTES))
    try:
        pipeline.start()
        pipeline.until_scored_after(0, timeout_s=90)  # seats lock after 30 s
        yield pipeline
    finally:
        pipeline.close()


def paused(server: EmbeddedPostgres | EmbeddedValkey) -> list[psutil.Process]:
    """Stop the server's processes as a hanging machine would; which they are."""
    first = psutil.Process(server.pid)
    family = [first, *first.children(recursive=True)]
    for process in family:
        process.suspend()
    return family


def assert_books_close(pipeline: Pipeline) -> None:
    sampled = pipeline.sampled_frames()
    for row in pipeline.rows(CAMERAS):
        assert row.published == row.analysed + row.expired + row.dead + row.lost
        assert row.published + row.refused == sampled[row.camera]


def assert_nothing_is_doubled(pipeline: Pipeline) -> None:
    windows = pipeline.windows()
    assert len({(row.room, row.seat, row.start) for row in windows}) == len(windows)
    assert all(row.n_obs <= row.n_exp <= 10 for row in windows)
    [(meetings, seats, people)] = pipeline.rows(
        "SELECT count(DISTINCT meeting_id), count(DISTINCT seat_id), count(*) FROM participations"
    )
    assert (meetings, people) == (1, seats)


def assert_rows_are_those_of_the_log(pipeline: Pipeline) -> None:
    expected = [row for row in pipeline.expected_rows() if isinstance(row, AttentionWindowRow)]
    assert sorted(map(window_key, expected)) == sorted(map(window_key, pipeline.windows()))


def meetings_open(pipeline: Pipeline) -> bool:
    return bool(pipeline.rows("SELECT 1 FROM meetings WHERE status = 'running'"))


def assert_no_service_stumbled(pipeline: Pipeline) -> None:
    """An absent server is a sentence in the log, no traceback."""
    for name in ("ingest", "worker-0", "aggregator"):
        log = pipeline.supervisor.log_path(name).read_text(encoding="utf-8")
        assert "Traceback" not in log, log[-4000:]


def inside(pipeline: Pipeline, start_s: float, end_s: float):
    return [row for row in pipeline.windows() if start_s <= row.start and row.start + 10 <= end_s]


def test_servers_that_hang_for_20_s_cost_only_what_they_hid(pipeline):
    away: dict[str, tuple[float, float]] = {}
    for name in SERVERS:
        family = paused(getattr(pipeline, name))
        began_s = time.time()
        try:
            pipeline.for_seconds(AWAY_S)
        finally:
            for process in family:
                process.resume()
        away[name] = (began_s, time.time())
        pipeline.until_scored_after(away[name][1])
    pipeline.stack.stop_ingest()
    pipeline.until(lambda: not meetings_open(pipeline), "the meeting to close by itself", 60)
    pipeline.end_lesson()

    assert set(pipeline.supervisor.restarts.values()) <= {0}
    for row in inside(pipeline, *away["frames"]):
        assert row.score is None
        assert row.missing_reason in {CAMERA_DOWN, NOT_ANALYSED}
    during = inside(pipeline, *away["postgres"])
    assert during
    assert all(row.missing_reason not in {CAMERA_DOWN, NOT_ANALYSED} for row in during)
    assert_nothing_is_doubled(pipeline)
    assert_rows_are_those_of_the_log(pipeline)
    assert_books_close(pipeline)
    assert_no_service_stumbled(pipeline)


def test_servers_that_are_killed_and_come_back_after_20_s_are_used_again(pipeline):
    for name in SERVERS:
        server = getattr(pipeline, name)
        os.kill(server.pid, signal.SIGKILL)
        pipeline.for_seconds(AWAY_S)
        server.stop()  # it is dead: this only gives its folder free
        server.start()  # on its old port
        if name == "faces":
            pipeline.keep_whole_log()
        pipeline.until_scored_after(time.time())
    pipeline.end_lesson()

    assert set(pipeline.supervisor.restarts.values()) <= {0}
    assert_nothing_is_doubled(pipeline)
    assert_books_close(pipeline)
    assert_no_service_stumbled(pipeline)


def test_killed_services_are_restarted_and_leave_no_trace_in_the_rows(pipeline):
    for name in ("worker-0", "aggregator", "ingest"):
        os.kill(pipeline.supervisor.pid(name), signal.SIGKILL)
        killed_s = time.time()
        pipeline.until(lambda name=name: pipeline.supervisor.restarts[name] == 1, name, 30)
        pipeline.until_scored_after(killed_s)
    assert dict(pipeline.supervisor.restarts) == {
        "cameras": 0, "ingest": 1, "worker-0": 1, "aggregator": 1,
    }  # fmt: skip
    pipeline.end_lesson()

    assert_nothing_is_doubled(pipeline)
    assert_rows_are_those_of_the_log(pipeline)
    assert_books_close(pipeline)
    assert_no_service_stumbled(pipeline)
