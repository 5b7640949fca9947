"""A row always finds its partition, on a real PostgreSQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Engine, func, insert, select, text
from sqlalchemy.exc import IntegrityError

from schemas import tables
from schemas.database import create_engine, upgrade
from schemas.partitions import PartitionKeeper, ensure_partitions
from tests.integration.fresh_database import fresh_database

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
PARTITIONED = [t.name for t in tables.metadata.sorted_tables if "partition_period" in t.info]

A_MEETING = """
    INSERT INTO orgs VALUES (1, 's', 's', 'demo');
    INSERT INTO sites (site_id, org_id, slug, name, tz, per_student, expression, k)
        VALUES (1, 1, 's', 's', 'UTC', true, true, 1);
    INSERT INTO rooms (room_id, site_id, slug, name) VALUES (1, 1, 'a', 'a');
    INSERT INTO meetings (meeting_id, room_id, site_id, policy_profile, identity_mode, source_key)
        VALUES (0, 1, 1, 'demo', 1, 'auto')
"""


@pytest.fixture(scope="module")
def migrated(postgres_server: str) -> Iterator[Engine]:
    with fresh_database(postgres_server) as url:
        upgrade(url, now=NOW)
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text(A_MEETING))
        yield engine
        engine.dispose()


@pytest.fixture
def connection(migrated: Engine) -> Iterator[Connection]:
    with migrated.connect() as connection:
        yield connection  # rolled back at the end


def test_days_for_windows_and_months_for_the_rest_are_ready_two_weeks_ahead(
    connection: Connection,
) -> None:
    names = connection.execute(
        text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = ANY(:parents)"),
        {"parents": [_oid(connection, name) for name in PARTITIONED]},
    ).scalars()
    found = sorted(names)
    days = [f"attention_windows_p{NOW + dt.timedelta(days=n):%Y%m%d}" for n in range(15)]
    months = [
        f"{table}_p{month}"
        for table in PARTITIONED
        for month in ("202611", "202612")
        if table != "attention_windows"
    ]
    assert found == sorted(days + months)
    assert len(PARTITIONED) == 8


def test_partitions_are_created_once(connection: Connection) -> None:
    later = NOW + dt.timedelta(days=40)
    created = ensure_partitions(connection, later, 2)
    assert "attention_windows_p20270103" in created
    assert "camera_minutes_p202701" in created
    assert ensure_partitions(connection, later, 2) == []


def test_a_partition_carries_keys_checks_and_indexes_of_its_table(connection: Connection) -> None:
    connection.execute(insert(tables.attention_windows).values(_window(NOW)))
    with pytest.raises(IntegrityError, match="pkey"), connection.begin_nested():
        connection.execute(insert(tables.attention_windows).values(_window(NOW)))
    with pytest.raises(IntegrityError, match="n_obs_check"):
        connection.execute(
            insert(tables.attention_windows).values(_window(NOW, participation_id=2, n_obs=11))
        )


def test_the_keeper_makes_room_for_a_row_of_any_day(connection: Connection) -> None:
    keeper = PartitionKeeper()
    for time in (NOW - dt.timedelta(days=400), NOW, NOW + dt.timedelta(days=400)):
        keeper.cover(connection, [time])
        connection.execute(insert(tables.attention_windows).values(_window(time)))
    count = connection.execute(select(func.count()).select_from(tables.attention_windows))
    assert count.scalar_one() == 3


def test_the_day_of_a_row_is_its_utc_day(connection: Connection) -> None:
    evening = dt.datetime(2027, 3, 31, 23, 30, tzinfo=dt.timezone(dt.timedelta(hours=-5)))
    PartitionKeeper().cover(connection, [evening])
    connection.execute(insert(tables.attention_windows).values(_window(evening)))
    where = connection.execute(
        text("SELECT tableoid::regclass::text FROM attention_windows WHERE window_start = :at"),
        {"at": evening},
    )
    assert where.scalar_one() == "attention_windows_p20270401"


def test_the_keeper_does_not_believe_in_partitions_that_were_rolled_back(
    connection: Connection,
) -> None:
    keeper, far = PartitionKeeper(), NOW + dt.timedelta(days=500)
    keeper.cover(connection, [far])
    connection.rollback()
    keeper.cover(connection, [far])
    connection.execute(insert(tables.attention_windows).values(_window(far)))


def test_a_time_without_a_zone_is_refused(connection: Connection) -> None:
    with pytest.raises(ValueError, match="without a zone"):
        ensure_partitions(connection, NOW.replace(tzinfo=None))


def test_partitions_are_created_beside_an_unfinished_writer(migrated: Engine) -> None:
    with migrated.connect() as writer, migrated.connect() as other:
        writer.execute(insert(tables.attention_windows).values(_window(NOW)))
        other.execute(text("SET LOCAL lock_timeout = '2s'"))
        assert ensure_partitions(other, NOW + dt.timedelta(days=600), 0)
        other.rollback()


def test_services_that_create_the_same_partitions_at_once_do_not_collide(migrated: Engine) -> None:
    def create(_: int) -> int:
        with migrated.begin() as connection:
            return len(ensure_partitions(connection, NOW + dt.timedelta(days=700), 3))

    with ThreadPoolExecutor(4) as pool:
        counts = sorted(pool.map(create, range(4)))
    assert counts[:3] == [0, 0, 0]
    assert counts[3] >= 9


def _oid(connection: Connection, table: str) -> int:
    return connection.execute(text("SELECT to_regclass(:t)::oid"), {"t": table}).scalar_one()


def _window(start: dt.datetime, *, participation_id: int = 1, n_obs: int = 10) -> dict[str, object]:
    counts = {
        column.name: 0
        for column in tables.attention_windows.columns
        if not column.nullable and column.name != "window_start"
    }
    return counts | {
        "window_start": start,
        "participation_id": participation_id,
        "score_version": 1,
        "n_obs": n_obs,
        "n_exp": 10,
    }
