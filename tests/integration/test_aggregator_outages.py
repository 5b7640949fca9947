"""The whole process against servers that go away in the middle."""

import threading
import time
from contextlib import contextmanager

import psycopg
import pytest
from prometheus_client import CollectorRegistry
from psycopg import sql
from sqlalchemy import make_url

from aggregator.metrics import AggregatorMetrics
from aggregator.runner import run_aggregator
from schemas.settings import Settings
from schemas.transport.entries import id_order
from tests.fixtures_worker import LocalValkey
from tests.integration.running_rooms import School, a_future_minute, a_site
from tests.unit import room_log

LENGTH_S = 70


@pytest.fixture(autouse=True)
def _start(monkeypatch):
    monkeypatch.setattr(room_log, "START", a_future_minute())


@contextmanager
def running(school, redis_url):
    """`run_aggregator` in a thread, told to stop at the end."""
    settings = Settings(database_url=school.database_url, faces_url=redis_url)
    metrics, stop = AggregatorMetrics(CollectorRegistry()), threading.Event()
    thread = threading.Thread(
        target=run_aggregator, args=(school.site, settings, stop), kwargs={"metrics": metrics}
    )
    thread.start()
    try:
        yield metrics
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


def wait_until(condition, timeout_s=30.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def ready(metrics):
    return metrics.ready._value.get()


def admin(school, statement):
    url = make_url(school.database_url)
    server = url.set(drivername="postgresql", database="postgres")
    with psycopg.connect(
        server.render_as_string(hide_password=False), autocommit=True
    ) as connection:
        connection.execute(statement)


def set_open(school, *, is_open):
    """Let the database refuse everybody, or let them in again."""
    name = make_url(school.database_url).database
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    admin(school, allow.format(sql.Identifier(name), sql.Literal(is_open)))
    if not is_open:
        admin(
            school,
            sql.SQL(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}"
            ).format(sql.Literal(name)),
        )


def position(school):
    """Of the last commit, (0, 0) before the first."""
    stored = school.rows("room_state", "position, room_id")
    return id_order(stored[0][0]) if stored else (0, 0)


def test_nothing_is_lost_while_postgresql_is_away(database_url, valkey_server):
    school = School(database_url, valkey_server, a_site())
    school.raw.flushdb()
    timed = school.a_lesson(LENGTH_S)
    half = len(timed) // 2
    with running(school, valkey_server) as metrics:
        school.log(timed[:half])
        wait_until(lambda: position(school) > (0, 0))
        school.engine.dispose()
        set_open(school, is_open=False)
        wait_until(lambda: not ready(metrics))
        school.log(timed[half:])
        set_open(school, is_open=True)
        wait_until(lambda: school.rows("meeting_summaries"))
    assert len(school.rows("participation_summaries")) == 6
    assert school.rows("camera_minutes", "frames_published, frames_lost") == [(20, 0), (120, 0)]
    school.close()


def test_work_resumes_when_the_observations_server_is_back(database_url):
    with LocalValkey() as valkey:
        school = School(database_url, valkey.url, a_site())
        timed = school.a_lesson(LENGTH_S)
        half = len(timed) // 2
        with running(school, valkey.url) as metrics:
            school.log(timed[:half])
            last = school.last_id()
            wait_until(lambda: position(school) >= id_order(last))
            valkey.stop()
            wait_until(lambda: not ready(metrics))
            valkey.start()
            school.log(timed[half:])
            wait_until(lambda: school.rows("meeting_summaries"))
        assert len(school.rows("participation_summaries")) == 6
        assert school.rows("camera_minutes", "frames_published, frames_lost") == [
            (20, 0),
            (120, 0),
        ]
        school.close()
