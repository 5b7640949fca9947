"""Baselines as PostgreSQL computes them, against the pure functions."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text

from aggregator import baselines
from aggregator.baselines import DROPS, WeekLesson, baseline, has_dropped
from schemas.database import create_engine, upgrade
from schemas.partitions import PartitionKeeper
from tests.integration.fresh_database import fresh_database

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
BASE = [72, 68, 75, 70, 66, 74]
SCHOOL = text(
    """
    INSERT INTO orgs (org_id, slug, name, policy_profile) VALUES (1, 'o', 'O', 'demo');
    INSERT INTO sites (site_id, org_id, slug, name, tz, per_student, expression, k)
    VALUES (1, 1, 's', 'S', 'UTC', true, true, 1);
    INSERT INTO rooms (room_id, site_id, slug, name) VALUES (1, 1, 'r', 'R');
    """
)
MEETING = text(
    """
    INSERT INTO meetings (meeting_id, room_id, site_id, policy_profile, identity_mode, source_key)
    VALUES (:meeting_id, 1, 1, 'demo', 1, CAST(:meeting_id AS text)) ON CONFLICT DO NOTHING
    """
)


@pytest.fixture(scope="module")
def migrated(postgres_server: str) -> Iterator[Engine]:
    with fresh_database(postgres_server) as url:
        upgrade(url, now=NOW)
        engine = create_engine(url)
        with engine.begin() as connection:
            times = [NOW - n * 20 * DAY for n in range(6)]
            PartitionKeeper().cover(connection, times)
            connection.execute(SCHOOL)
        yield engine
        engine.dispose()


@pytest.fixture
def connection(migrated: Engine) -> Iterator[Connection]:
    with migrated.connect() as connection:
        yield connection  # rolled back at the end


def name_of(student: int | None, days_ago: float) -> int:
    """A participation's id."""
    return (student or 0) * 100_000 + round(days_ago * 100)


def summary(days_ago: float, score: float | None, student: int | None = 1, **changes: object):
    start = NOW - days_ago * DAY
    values = {
        "meeting_start": start,
        "participation_id": name_of(student, days_ago),
        "meeting_id": round(days_ago * 100),
        "student_id": student,
        "site_id": 1,
        "class_id": 7,
        "score_version": 1,
        "score": None if score is None else round(100 * score),
        "score_lo": 0,
        "score_hi": 10_000,
        "score_first25": None,
        "score_after25": None,
        "coverage": 900,
        "confidence": 700,
        "present_s": 2700,
        "observed_s": 2400,
        "low_s": 0,
        "low_events": 0,
        "face_px": 80,
        "model_version": "m1",
    }
    return {**values, **changes}


def insert_summaries(connection: Connection, rows: list[dict[str, object]]) -> None:
    """Rows of students, behind their meetings'."""
    connection.execute(MEETING, [{"meeting_id": row["meeting_id"]} for row in rows])
    baselines.insert_summaries(connection, rows)


def stored(connection: Connection, days_ago: float = 0.0, student: int = 1, version: int = 1):
    """Baseline and MAD of one lesson's summary."""
    found = connection.execute(
        text(
            "SELECT baseline, baseline_mad FROM participation_summaries"
            " WHERE participation_id = :name AND score_version = :version"
        ),
        {"name": name_of(student, days_ago), "version": version},
    )
    return tuple(found.one())


def history(scores, student=1, **changes):
    """One lesson a day, the last of them yesterday."""
    return [summary(len(scores) - n, s, student, **changes) for n, s in enumerate(scores)]


def test_b_the_baseline_stands_in_the_summary(connection):
    insert_summaries(connection, [*history(BASE), summary(0, 56)])
    assert stored(connection) == (7100, 300)


def test_the_first_five_lessons_have_no_baseline_and_the_sixth_has(connection):
    insert_summaries(connection, [*history(BASE[:5]), summary(0, 56)])
    assert [stored(connection, day) for day in (1, 2, 5)] == [(None, None)] * 3
    assert stored(connection) == (7000, 200)


def test_it_is_the_same_whether_lessons_are_committed_together_or_one_by_one(connection):
    together = [*history(BASE), summary(0, 56)]
    one_by_one = [*history(BASE, student=2), summary(0, 56, student=2)]
    insert_summaries(connection, list(reversed(together)))
    for row in one_by_one:
        insert_summaries(connection, [row])
    for day in range(7):
        assert stored(connection, day) == stored(connection, day, student=2)


def test_only_valid_lessons_of_the_same_student_class_version_and_days_count(connection):
    others = [
        *history([10] * 8, score_version=2),
        *history([20] * 8, student=2),
        *[
            {**r, "meeting_id": 1, "participation_id": n, "class_id": 8}
            for n, r in enumerate(history([30] * 8))
        ],
        *[summary(day, 40) for day in (60.5, 61, 62, 63, 64)],
        *[summary(day + 0.5, None) for day in range(8)],
        summary(0, 99, participation_id=5, meeting_id=5),  # begins when this lesson begins
        *[summary(0, 99, student=None, participation_id=n, meeting_id=5) for n in range(6, 12)],
    ]
    insert_summaries(connection, [*others, *history(BASE[1:])])
    insert_summaries(connection, [summary(0, 56)])
    assert stored(connection, 0) == (7000, 400)
    assert stored(connection, 1, version=2) == (1000, 0)


def test_a_lesson_60_days_ago_still_counts_and_only_the_last_ten_do(connection):
    insert_summaries(connection, [summary(60, 10), *history([70] * 4), summary(0, 56)])
    assert stored(connection) == (7000, 0)
    insert_summaries(connection, [*history([10] * 8 + [50] * 10, student=2), summary(0, 56, 2)])
    assert stored(connection, student=2) == (5000, 0)


def test_a_replay_changes_no_baseline_even_when_history_has_changed(connection):
    insert_summaries(connection, [*history(BASE), summary(0, 56)])
    insert_summaries(connection, [summary(day + 0.25, 10) for day in range(8)])
    insert_summaries(connection, [*history(BASE), summary(0, 56)])
    assert stored(connection) == (7100, 300)


@pytest.mark.parametrize("seed", range(5))
def test_sql_and_the_pure_function_agree_to_the_last_digit(connection, seed):
    chance = random.Random(seed)
    rows, expected = [], {}
    for student in range(1, 25):
        scores = [round(chance.uniform(30, 90), 2) for _ in range(chance.randrange(14))]
        own = baseline([round(100 * s) for s in scores])
        expected[student] = (None, None) if own is None else (round(own.median), round(own.mad))
        rows += [*history(scores, student), summary(0, 50, student)]
    insert_summaries(connection, rows)
    assert {student: stored(connection, student=student) for student in expected} == expected


@pytest.mark.parametrize("seed", range(5))
def test_the_statement_flags_whom_the_pure_function_flags(connection, seed):
    chance = random.Random(seed)
    flagged, rows = set(), []
    for student in range(1, 60):
        base = chance.choice([40.0, 45.0, 50.0, 71.0])
        lessons = [
            WeekLesson(
                base - chance.choice([9.5, 10.0, 10.5, 0.2 * base, 0.2 * base + 0.5]),
                chance.choice([0.49, 0.5, 0.9]),
                chance.choice([0.34, 0.35, 0.8]),
            )
            for _ in range(chance.randrange(2, 6))
        ]
        # five lessons of the base before the week; the week's own do not move a median of ten
        rows += [summary(20 + n, base, student) for n in range(10)]
        rows += [
            summary(
                4 - n,
                lesson.score,
                student,
                coverage=round(1000 * lesson.coverage),
                confidence=round(1000 * lesson.confidence),
            )
            for n, lesson in enumerate(lessons)
        ]
        if has_dropped(baseline([base] * 10), lessons):
            flagged.add(student)
    insert_summaries(connection, rows)
    bounds = {"site_id": 1, "version": 1, "start": NOW - 5 * DAY, "end": NOW + DAY}
    found = connection.execute(DROPS, bounds).all()
    assert {row.student_id for row in found} == flagged
    assert 0 < len(flagged) < 59


def test_b_as_the_statement_tells_it(connection):
    for student, score in ((1, 56), (2, 60)):
        week = [summary(0.1 * n, score, student) for n in range(3)]
        insert_summaries(connection, [*history(BASE, student), *week])
    bounds = {"site_id": 1, "version": 1, "start": NOW - DAY / 2, "end": NOW + DAY}
    [row] = connection.execute(DROPS, bounds).all()
    assert (row.student_id, row.lessons, row.score, row.baseline) == (1, 3, 56, 71)
    assert float(row.drop_pct) == pytest.approx(21.13, abs=0.005)
