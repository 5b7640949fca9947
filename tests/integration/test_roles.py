"""What each database role may do, and what it may not, tried from sessions of its own."""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from subprocess import PIPE

import pytest
from alembic import command as alembic_command
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from aggregator.leases import LeaseKeeper
from aggregator.reference import Places
from aggregator.store import Store, StoredState
from deploy.local.servers import EmbeddedPostgres
from deploy.safeguards.student_choice import chosen_student
from schemas.consents import Word, record, withdraw
from schemas.database import (
    DatabaseRefusedError,
    alembic_config,
    connect,
    create_engine,
    require_migrated,
    upgrade,
)
from schemas.errors import SettingsError
from schemas.partitions import ensure_partitions
from schemas.roles import GROUPS, login_sql, make_roles, missing_roles, role_sql
from schemas.settings import Settings
from schemas.sync import sync_site
from tests.integration.fresh_database import fresh_database
from tests.integration.guarded_school import PASSWORD, REASON, GuardedSchool
from tests.integration.rostered_school import RosteredSchool, a_site
from tests.integration.school_history import SITE, SYNCED, Lesson
from tests.made_rosters import a_roster

LATER = dt.datetime(2028, 5, 6, 9, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def school(postgres_server: str) -> Iterator[GuardedSchool]:
    with fresh_database(postgres_server) as url:
        school = GuardedSchool(url)
        yield school
        school.close()


def refused(connection, sql: str) -> str:
    with pytest.raises(DBAPIError) as caught, connection.begin_nested():
        connection.execute(text(sql))
    return str(caught.value.orig).partition("\n")[0]


def relations(school: GuardedSchool, kinds: str) -> list[str]:
    rows = school.ask(
        "SELECT oid::regclass::text AS name FROM pg_class WHERE relkind = ANY(:kinds)"
        " AND relnamespace IN ('public'::regnamespace, 'vault'::regnamespace) ORDER BY 1",
        kinds=list(kinds),
    )
    return [row["name"] for row in rows]


def test_an_analyst_reads_every_view_and_no_table_partition_or_function_of_students(school):
    views, tables = relations(school, "v"), relations(school, "rp")
    assert len(views) >= 15
    assert any(name.startswith("attention_windows_p") for name in tables)
    assert "vault.identities" in tables
    with school.session("analyst") as connection:
        for view in views:
            connection.execute(text(f"SELECT * FROM {view} LIMIT 1"))
        for table in tables:
            assert "permission denied" in refused(connection, f"SELECT * FROM {table}")
        for call in (
            "student_history(gen_random_uuid(), '2026-01-01', '2027-01-01', 'curious')",
            "student_lessons(1, '2026-01-01', '2027-01-01')",
            f"student_drops('{SITE}', '2026-10-05', 'curious')",
            f"class_students('{SITE}', '3b', 'curious')",
            f"consent_gaps('{SITE}', 'curious')",
            "audit_entries('2026-01-01', '2027-01-01')",
            "audit_append('a', 'b', 'c', 'd', 1)",
            "drop_partition('attention_windows_p20260105')",
            "purge_forbidden_rows(true)",
            "consent_holds(1, 2::smallint, 'demo', now())",
            "consent_times(1, 2::smallint, 'demo')",
        ):
            assert "permission denied" in refused(connection, f"SELECT * FROM {call}")


def test_an_analyst_makes_nothing_and_is_stopped_after_half_a_minute(school):
    with school.session("analyst") as connection:
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "30s"
        assert "read-only" in refused(connection, "CREATE TABLE mine (a int)")
        connection.rollback()
        connection.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"))
        connection.commit()
        for sql in (
            "CREATE TABLE mine (a int)",
            "CREATE TEMP TABLE mine (a int)",
            "CREATE SCHEMA mine",
            "CREATE VIEW v_mine AS SELECT 1",
        ):
            assert "permission denied" in refused(connection, sql)


@pytest.mark.parametrize("group", GROUPS)
def test_nobody_but_the_owner_changes_the_audit(school, group):
    school.history()
    names = ["audit_log", *(n for n in relations(school, "r") if n.startswith("audit_log_p"))]
    with school.session(group) as connection:
        connection.execute(text("SET default_transaction_read_only = off"))
        connection.commit()
        for name in names:
            for sql in (
                f"UPDATE {name} SET reason = 'other'",
                f"DELETE FROM {name}",
                f"TRUNCATE {name}",
                f"INSERT INTO {name} (actor, role, action, object, hash)"
                " VALUES ('a', 'b', 'c', 'd', '')",
                f"DROP TABLE {name}",
            ):
                told = refused(connection, sql)
                assert re.search("permission denied|must be owner", told), f"{sql}: {told}"


def test_an_aggregator_and_a_sync_run_as_the_writer_and_read_no_name(school):
    with school.logged_in("writer") as engine:
        sync_site(engine, school.site, at=SYNCED)
        places = Places(SITE)
        with connect(engine) as connection:
            require_migrated(connection)
            places.load(connection)
            assert "permission denied" in refused(connection, "SELECT * FROM vault.identities")
            assert "permission denied" in refused(connection, "CREATE TABLE mine (a int)")
        school.execute("UPDATE room_leases SET until = to_timestamp(0)")
        lesson = Lesson(day=dt.date(2027, 9, 1), students=8)  # its partitions are not there yet
        [lease] = LeaseKeeper(engine, "w").claim([places.room(lesson.room)])
        Store(engine, places).commit(lease, school.rows_of(lesson), StoredState("9-1", b"", 2))
    held = school.ask(
        "SELECT status FROM meetings WHERE meeting_id = :m", m=school.meeting_id(lesson)
    )
    assert held == [{"status": "held"}]


def test_maintenance_drops_our_partitions_and_nothing_else(school):
    with school.session("maintenance") as connection:
        created = ensure_partitions(connection, LATER, 0)
        assert "attention_windows_p20280506" in created
        connection.execute(text("SELECT drop_partition('attention_windows_p20280506')"))
        assert "not a partition of ours" in refused(connection, "SELECT drop_partition('students')")
        assert "not a partition of ours" in refused(
            connection, "SELECT drop_partition('attention_windows')"
        )
        assert "last year stays" in refused(
            connection, "SELECT drop_partition('audit_log_p202805')"
        )
        assert "no partitioned table" in refused(
            connection, "SELECT create_partition('students', '2028-05-06', '2028-05-07')"
        )
        assert "a day or a month" in refused(
            connection, "SELECT create_partition('events', '2028-05-06', '2029-05-07')"
        )
        assert "permission denied" in refused(connection, "SELECT * FROM participation_summaries")
        connection.commit()
    assert "attention_windows_p20280506" not in relations(school, "r")


def test_tomorrows_partition_is_read_through_its_table_and_not_beside_it(school):
    with school.logged_in("maintenance") as engine, engine.begin() as connection:
        ensure_partitions(connection, LATER, 0)
    with school.session("writer") as connection:
        connection.execute(text("SELECT * FROM attention_minutes WHERE minute >= '2028-05-01'"))
        told = refused(connection, "SELECT * FROM attention_minutes_p202805")
        assert "permission denied" in told


def test_every_function_that_acts_with_the_owners_rights_has_a_path_and_is_not_for_everybody(
    school,
):
    loose = school.ask(
        "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
        " AND (proconfig IS NULL OR NOT proconfig::text LIKE '%search_path%'"
        "      OR has_function_privilege('public', oid, 'EXECUTE'))"
    )
    assert loose == []
    assert school.ask("SELECT 1 FROM pg_proc WHERE prosecdef AND proname = 'student_history'")


@pytest.fixture
def bare_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that has none of our roles yet."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("bare"), durable=False)
    yield server.start()
    server.stop()


def test_two_databases_make_the_roles_at_once_and_one_without_the_right_to_is_told(bare_server):
    with (
        fresh_database(bare_server) as one,
        fresh_database(bare_server) as other,
        fresh_database(bare_server) as poor,
    ):
        owned, admin = given_to_an_owner(poor), create_engine(poor, pooled=False)
        said = upgrade(owned, now=SYNCED)
        assert said[-1].startswith("the roles facepose_writer, facepose_maintenance, facepose_an")
        assert "`facepose db roles --print`" in said[-1]
        assert upgrade(owned, now=SYNCED) == said[-1:]

        command = [sys.executable, "-m", "deploy", "db", "upgrade"]
        running = [
            subprocess.Popen(command, env={**os.environ, "DATABASE_URL": url}, stdout=PIPE)
            for url in (one, other)
        ]
        assert [process.wait(120) for process in running] == [0, 0]
        for process in running:
            told, _ = process.communicate()
            assert b"applied migration 0007" in told

        assert upgrade(owned, now=SYNCED) == [], "the others have made them"
        rights = text("SELECT has_table_privilege('facepose_writer', 'students', 'INSERT')")
        with create_engine(owned, pooled=False).connect() as connection:
            assert connection.execute(rights).scalar_one() is False
            assert make_roles(connection) == []
            assert connection.execute(rights).scalar_one() is True
            connection.commit()
            command_config = alembic_config(connection, lambda _line: None)
            alembic_command.downgrade(command_config, "0006")
        with admin.connect() as connection:
            assert missing_roles(connection) == [], "other databases use them"


def given_to_an_owner(url: str) -> str:
    """The database's url for an owner who may not create roles."""
    with create_engine(url, pooled=False).begin() as connection:
        connection.execute(text(f"CREATE ROLE poor LOGIN PASSWORD '{PASSWORD}'"))
        connection.execute(text(f"ALTER DATABASE {make_url(url).database} OWNER TO poor"))
    poor = make_url(url).set(username="poor", password=PASSWORD)
    return poor.render_as_string(hide_password=False)


def test_who_lacks_a_right_is_told_in_a_sentence(school):
    with (
        school.logged_in("analyst") as engine,
        pytest.raises(DatabaseRefusedError, match=r"user analyst_\w+ may not do this") as told,
        connect(engine) as connection,
    ):
        require_migrated(connection)
    assert "permission denied for table alembic_version" in str(told.value)


def test_the_printed_sql_makes_the_roles():
    assert role_sql().count("CREATE ROLE facepose_") == len(GROUPS)
    assert "GRANT facepose_analyst TO facepose_admin;" in role_sql()


@pytest.mark.parametrize("name", ["", "a b", 'a"; DROP', "Ana", "facepose_admin", "1a", "ä"])
def test_a_login_has_a_plain_name(name):
    with pytest.raises(SettingsError):
        login_sql(name, "analyst")


def test_a_reason_is_what_admins_have_to_give(school):
    for reason in ("", "  ", None):
        with school.session("admin") as connection:
            call = text("SELECT * FROM student_history(:p, '2026-01-01', '2027-01-01', :r)")
            with pytest.raises(DBAPIError, match="say why"):
                connection.execute(call, {"p": school.pseudonym(), "r": reason})
    assert school.history(reason=REASON)


def test_an_admin_imports_rosters_and_consents_without_being_the_owner(database_url, tmp_path):
    school = RosteredSchool(database_url, tmp_path, a_site("uk"))
    with school.engine.begin() as connection:
        connection.execute(
            text(login_sql("carla", "admin") + f"ALTER ROLE carla PASSWORD '{PASSWORD}'")
        )
    owner, url = school.engine, make_url(database_url).set(username="carla", password=PASSWORD)
    try:
        school.engine = create_engine(url.render_as_string(hide_password=False), pooled=False)
        school.take(a_roster())
        [(pseudonym, _)] = school.rows("SELECT pseudonym, student_id FROM students LIMIT 1")
        word = Word(True, "guardian", "n1", SYNCED)
        with school.engine.begin() as connection:
            student = chosen_student(connection, "school", Settings(), str(pseudonym), None)
            assert record(connection, student.student_id, "score", word)
            assert withdraw(connection, student.student_id, "score", "guardian", LATER) == 1
            assert "permission denied" in refused(connection, "SELECT * FROM participations")
    finally:
        school.engine.dispose()
        with owner.begin() as connection:
            connection.execute(text("DROP OWNED BY carla; DROP ROLE carla"))
            audit = connection.execute(text("SELECT actor, action FROM audit_log")).all()
        owner.dispose()
    assert audit == [("carla", "consent"), ("carla", "withdrawal")]
