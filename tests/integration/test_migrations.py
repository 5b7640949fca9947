"""The migrations make the declared tables, on a real PostgreSQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, insert, select, text
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.exc import IntegrityError

from schemas import tables
from schemas.database import (
    DatabaseUnavailableError,
    DatabaseVersionError,
    alembic_config,
    connect,
    create_engine,
    current_revision,
    head_revision,
    require_migrated,
    upgrade,
)
from schemas.errors import SettingsError
from schemas.partitions import is_partition
from schemas.score_versions import ScoreVersionError, ensure_score_version
from schemas.tables.base import VAULT
from tests.integration.catalog import read_catalog
from tests.integration.fresh_database import fresh_database

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
WRITTEN_BY_AGGREGATOR = (
    "meetings",
    "meeting_activities",
    "students",
    "participations",
    "attention_windows",
    "attention_minutes",
    "expression_minutes",
    "meeting_minutes",
    "participation_summaries",
    "meeting_summaries",
    "site_day_curves",
    "camera_minutes",
    "events",
    "room_state",
)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    upgrade(database_url, now=NOW)
    engine = create_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def declared(postgres_server: str) -> dict[str, dict[str, str]]:
    with fresh_database(postgres_server) as url:
        engine = create_engine(url, pooled=False)
        tables.metadata.create_all(engine)
        with engine.connect() as connection:
            return read_catalog(connection)


def test_alembic_sees_no_difference_between_migrated_and_declared_tables(engine: Engine) -> None:
    options = {
        "compare_type": True,
        "compare_server_default": True,
        "include_schemas": True,
        "include_name": _is_ours,
    }
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables.metadata) == []


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    return name in {None, VAULT} if kind == "schema" else not is_partition(name or "")


def test_the_catalog_of_migrated_tables_equals_that_of_declared_tables(
    engine: Engine, declared: dict[str, dict[str, str]]
) -> None:
    with engine.connect() as connection:
        migrated = read_catalog(connection)
    assert migrated == declared
    assert "attention_windows." in migrated["partition keys"]


@pytest.mark.parametrize(
    "planted",
    [
        "ALTER TABLE meetings DROP CONSTRAINT meetings_planned_excl",
        "ALTER TABLE cameras DROP CONSTRAINT cameras_mask_bit_check",
        "ALTER TABLE attention_windows ALTER COLUMN sum_x TYPE bigint",
        "ALTER TABLE vault.identities ALTER COLUMN key_id DROP NOT NULL",
        "ALTER TABLE seating DROP CONSTRAINT seating_student_excl",
        "DROP INDEX attention_windows_window_start_idx",
        "ALTER TABLE meetings ALTER COLUMN status SET DEFAULT 'held'",
    ],
)
def test_a_planted_difference_does_not_escape_the_catalog(
    engine: Engine, declared: dict[str, dict[str, str]], planted: str
) -> None:
    with engine.begin() as connection:
        connection.execute(text(planted))
        assert read_catalog(connection) != declared


def test_upgrade_downgrade_and_upgrade_again_end_where_they_began(engine: Engine) -> None:
    with engine.connect() as connection:
        first = read_catalog(connection)
        connection.rollback()
        config = alembic_config(connection, lambda _line: None)
        command.downgrade(config, "base")
        assert read_catalog(connection) == {topic: {} for topic in first}
        connection.rollback()
        command.upgrade(config, "head")
        assert read_catalog(connection) == first


def test_camera_minutes_written_before_the_second_migration_are_kept(database_url: str) -> None:
    """Its partitions take the new columns; a service of the version before may still write."""
    old_row = text(
        "INSERT INTO camera_minutes (minute, camera_id, frames_exp, frames_published,"
        " frames_analysed, frames_expired, frames_dead, frames_lost, frames_refused, reconnects,"
        " max_gap_ms) VALUES (:minute, 1, 300, 300, 299, 0, 0, 1, 0, 2, 40)"
    )
    engine = create_engine(database_url, pooled=False)
    with engine.connect() as connection:
        config = alembic_config(connection, lambda _line: None)
        command.upgrade(config, "0001")
        connection.execute(
            text(
                "CREATE TABLE camera_minutes_p202611 PARTITION OF camera_minutes"
                " FOR VALUES FROM ('2026-11-01 00:00+00') TO ('2026-12-01 00:00+00')"
            )
        )
        connection.execute(old_row, {"minute": NOW})
        connection.commit()
        command.upgrade(config, "head")
        connection.execute(old_row, {"minute": NOW + dt.timedelta(minutes=1)})
        rows = connection.execute(
            text(
                "SELECT tableoid::regclass::text, reconnects, reconnect_causes, camera_offset_ms,"
                " frozen_s FROM camera_minutes"
            )
        ).all()
    assert rows == [("camera_minutes_p202611", 2, None, None, 0)] * 2


def test_a_second_upgrade_has_nothing_to_do(database_url: str) -> None:
    said: list[str] = []
    first = upgrade(database_url, now=NOW, progress=said.append)
    assert said == first
    assert first[0].startswith("applied migration 0001")
    assert upgrade(database_url, now=NOW) == []


def test_two_services_may_upgrade_at_the_same_time(database_url: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: upgrade(database_url, now=NOW), range(3)))
    migrations = int(head_revision() or 0)
    assert sorted(len(lines) for lines in done) == [0, 0, migrations + 1]  # and the partitions


def test_a_database_of_a_newer_program_is_left_alone(engine: Engine, database_url: str) -> None:
    with engine.begin() as connection:
        assert current_revision(connection) == head_revision()
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseVersionError, match=r"stands at migration 9999.*upgrade this"):
        upgrade(database_url, now=NOW)


def test_a_service_refuses_to_start_before_the_migration(database_url: str) -> None:
    engine = create_engine(database_url, pooled=False)
    with (
        connect(engine) as connection,
        pytest.raises(DatabaseVersionError, match=r"stands at migration none.*facepose db upgrade"),
    ):
        require_migrated(connection)


def test_a_service_starts_on_its_own_and_on_expanded_tables(engine: Engine) -> None:
    with connect(engine) as connection:
        require_migrated(connection)
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        require_migrated(connection)


def test_a_server_that_does_not_answer_is_named_without_the_password() -> None:
    with pytest.raises(DatabaseUnavailableError, match=r"PostgreSQL at 127\.0\.0\.1") as caught:
        upgrade("postgresql://teacher:geheim@127.0.0.1:1/x", now=NOW)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["mysql://u:geheim@h/x", "geheim", "postgresql://u:geheim@h:x/"])
def test_a_wrong_url_is_refused_without_repeating_it(wrong: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL") as caught:
        create_engine(wrong)
    assert "geheim" not in str(caught.value)


def test_no_extension_is_needed(engine: Engine) -> None:
    with engine.connect() as connection:
        extensions = connection.execute(text("SELECT extname FROM pg_extension")).scalars().all()
    assert extensions == ["plpgsql"]


def test_rows_of_the_aggregator_have_no_clock_chance_or_sequence_in_them(engine: Engine) -> None:
    with engine.connect() as connection:
        columns = read_catalog(connection)["columns"]
    of_aggregator = {
        name: definition
        for name, definition in columns.items()
        if name.partition(".")[0] in WRITTEN_BY_AGGREGATOR
    }
    assert {name.partition(".")[0] for name in of_aggregator} == set(WRITTEN_BY_AGGREGATOR)
    for forbidden in ("now()", "clock", "CURRENT", "random", "uuid(", "nextval", " a ", " d "):
        assert not [name for name, text_ in of_aggregator.items() if forbidden in f"{text_} "]


def test_two_planned_lessons_in_one_room_at_one_time_are_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        _room(connection)
        connection.execute(insert(tables.meetings).values(_meeting(1, "site:a:8", 8, 9)))
        connection.execute(insert(tables.meetings).values(_meeting(2, "site:b:9", 9, 10)))
        connection.execute(
            insert(tables.meetings).values(_meeting(3, "site:c:8", 8, 9) | {"status": "cancelled"})
        )
        connection.execute(
            insert(tables.meetings).values(_meeting(4, "auto:8", 8, 9) | {"planned": None})
        )
    with engine.connect() as connection, pytest.raises(IntegrityError, match="planned_excl"):
        connection.execute(insert(tables.meetings).values(_meeting(5, "site:d:8", 8, 10)))


def test_times_come_back_in_utc_whatever_the_servers_zone(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.execute(text("SHOW timezone")).scalar_one() == "UTC"


def test_a_score_version_is_registered_once_and_never_changed(engine: Engine) -> None:
    def register(params: dict[str, object], code_version: str) -> None:
        with engine.begin() as connection:
            ensure_score_version(
                connection,
                1,
                "AS-1",
                params=params,
                code_version=code_version,
                effective_from=NOW,
            )

    register({"half_yaw_deg": 20, "credit": {"front": 1.0}}, "0.1.0")
    register({"credit": {"front": 1.0}, "half_yaw_deg": 20}, "0.2.0")
    with pytest.raises(ScoreVersionError, match="needs a new version"):
        register({"half_yaw_deg": 21, "credit": {"front": 1.0}}, "0.2.0")
    with engine.connect() as connection:
        row = connection.execute(select(tables.score_versions)).one()
    assert (row.name, row.code_version, row.effective_from) == ("AS-1", "0.1.0", NOW)
    assert row.params == {"half_yaw_deg": 20, "credit": {"front": 1.0}}


def _room(connection) -> None:
    connection.execute(
        insert(tables.orgs).values(org_id=1, slug="s", name="s", policy_profile="demo")
    )
    connection.execute(
        insert(tables.sites).values(
            site_id=1,
            org_id=1,
            slug="s",
            name="s",
            tz="UTC",
            per_student=True,
            expression=True,
            k=1,
        )
    )
    connection.execute(insert(tables.rooms).values(room_id=1, site_id=1, slug="a", name="a"))


def _meeting(meeting_id: int, source_key: str, start_hour: int, end_hour: int) -> dict:
    return {
        "meeting_id": meeting_id,
        "room_id": 1,
        "site_id": 1,
        "planned": Range(NOW.replace(hour=start_hour), NOW.replace(hour=end_hour)),
        "policy_profile": "demo",
        "identity_mode": 1,
        "source_key": source_key,
    }
