"""An analyst reads the views and nothing else; the ways round that were tried here."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors, sql

from schemas.settings import plain_database_url
from tests.integration.analyst import analyst_login, connection_of
from tests.integration.fresh_database import fresh_database
from tests.integration.school_history import Lesson, SchoolHistory
from tests.integration.test_views import MONDAY

DENIED = (
    errors.InsufficientPrivilege,
    errors.ReadOnlySqlTransaction,
    errors.InvalidParameterValue,
)
EVERYTHING = """
    SELECT c.oid::regclass::text AS name, c.relkind FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_t'
"""
OUR_FUNCTIONS = """
    SELECT p.oid::regprocedure::text AS name FROM pg_proc AS p
    JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
        AND p.prorettype <> 'trigger'::regtype
        AND (p.prosecdef OR p.provolatile <> 'i')  -- the others compute and read nothing
"""
ATTEMPTS = [
    "SET ROLE facepose_admin",
    "SET ROLE facepose_writer",
    "SET ROLE facepose_maintenance",
    "SET ROLE facepose",
    "SELECT set_config('role', 'facepose_admin', false)",
    "SET SESSION AUTHORIZATION facepose",
    "GRANT facepose_admin TO CURRENT_USER",
    "GRANT SELECT ON students TO CURRENT_USER",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE facepose_analyst CREATEROLE",
    "CREATE ROLE friend",
    "ALTER TABLE students OWNER TO CURRENT_USER",
    "CREATE TABLE mine (n int)",
    "CREATE TEMP TABLE mine (n int)",
    "SELECT 1 AS n INTO mine",
    "CREATE VIEW mine AS SELECT * FROM students",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION leak(float) RETURNS bool LANGUAGE sql AS 'SELECT true'",
    "CREATE FUNCTION pg_temp.leak(float) RETURNS bool LANGUAGE sql AS 'SELECT true'",
    "CREATE OPERATOR <<< (FUNCTION = int4lt, LEFTARG = int, RIGHTARG = int)",
    "CREATE OR REPLACE VIEW v_lessons AS SELECT 1",
    "ALTER VIEW v_lessons RESET (security_barrier)",
    "DROP VIEW v_lessons",
    "COMMENT ON VIEW v_lessons IS 'mine'",
    "UPDATE v_score_versions SET name = 'mine'",
    "INSERT INTO v_score_versions VALUES (9, 'mine', '{}', 'x', now())",
    "DELETE FROM v_score_versions",
    "TRUNCATE students",
    "DO $$ BEGIN LOCK TABLE students; END $$",
    "COPY students TO STDOUT",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "COPY (SELECT 1) TO '/tmp/stolen'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_binary_file('PG_VERSION')",
    "SELECT pg_ls_dir('.')",
    "SELECT pg_stat_file('PG_VERSION')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT rolpassword FROM pg_authid",
    "SELECT * FROM pg_statistic",
    "SELECT query_to_xml('SELECT * FROM students', true, true, '')",
    "SELECT currval('calibrations_calibration_id_seq')",
    "SELECT pg_get_userbyid(1), ts_stat('SELECT to_tsvector(pseudonym::text) FROM students')",
    "DO $$ BEGIN PERFORM * FROM students; END $$",
    "ALTER SYSTEM SET log_statement = 'all'",
    "SELECT pg_reload_conf()",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'facepose'",
]


@pytest.fixture(scope="module")
def school(postgres_server: str) -> Iterator[SchoolHistory]:
    with fresh_database(postgres_server) as url:
        school = SchoolHistory(url, "demo")
        school.hold(Lesson(MONDAY))
        yield school
        school.close()


@pytest.fixture(scope="module")
def analyst(school: SchoolHistory) -> Iterator[psycopg.Connection]:
    owner = school.engine.url.render_as_string(hide_password=False)
    with analyst_login(owner) as url, connection_of(url) as connection:
        yield connection


def test_an_analyst_reads_every_view_and_no_other_relation(school, analyst):
    readable = set()
    relations = [tuple(row.values()) for row in school.ask(EVERYTHING)]
    for name, _kind in relations:
        try:
            analyst.execute(sql.SQL("SELECT * FROM {} LIMIT 1").format(sql.SQL(name)))
            readable.add(name)
        except DENIED:
            pass
    views = {name for name, kind in relations if kind == "v"}
    assert readable == views
    assert {name for name in views if not name.startswith("v_")} == set()
    assert len(views) >= 17
    assert {"students", "vault.identities", "audit_log"} <= {name for name, _ in relations}
    assert any("_p2026" in name for name, _ in relations)


def test_a_view_without_the_prefix_is_not_given(school, analyst):
    school.execute("CREATE VIEW secret AS SELECT * FROM students")
    with pytest.raises(errors.InsufficientPrivilege):
        analyst.execute("SELECT * FROM secret")
    school.execute("DROP VIEW secret")


def test_an_analyst_may_call_none_of_our_functions(school, analyst):
    functions = [row["name"] for row in school.ask(OUR_FUNCTIONS)]
    assert len(functions) > 5
    allowed = [
        name
        for name in functions
        if analyst.execute("SELECT has_function_privilege(%s, 'EXECUTE')", [name]).fetchone()[0]
    ]
    assert allowed == []


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_way_round_is_closed(analyst, attempt):
    with pytest.raises(DENIED):
        analyst.execute(attempt)


def test_plans_and_errors_of_a_filter_do_not_tell_what_a_view_hides(school, analyst):
    """The reader's own filter runs behind the view's: it sees no row that is hidden."""
    school.execute("UPDATE sites SET expression = false")
    try:
        rows = analyst.execute("SELECT * FROM v_expressions WHERE 1 / (students - 12) > 0")
        assert rows.fetchall() == []
    finally:
        school.execute("UPDATE sites SET expression = true")
    with pytest.raises(errors.DivisionByZero):  # it would have told
        analyst.execute("SELECT * FROM v_expressions WHERE 1 / (students - 12) > 0")


def test_the_owners_own_rights_are_not_taken(school):
    url = school.engine.url.render_as_string(hide_password=False)
    with psycopg.connect(plain_database_url(url)) as connection:
        assert connection.execute("SELECT count(*) FROM students").fetchone() == (12,)
