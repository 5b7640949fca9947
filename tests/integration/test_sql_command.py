"""`facepose sql` and `facepose db login`, on a real database."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url
from typer.testing import CliRunner, Result

from deploy.cli import app
from deploy.local.servers import EmbeddedPostgres
from deploy.sql.errors import QueryError
from deploy.sql.session import analyst
from schemas.database import upgrade
from schemas.settings import plain_database_url
from tests.integration.analyst import analyst_login
from tests.integration.fresh_database import fresh_database
from tests.integration.school_history import Lesson, SchoolHistory
from tests.integration.test_views import MONDAY

FAILED = 1


@pytest.fixture(scope="module")
def url(postgres_server: str) -> Iterator[str]:
    with fresh_database(postgres_server) as url:
        school = SchoolHistory(url, "demo")
        school.hold(Lesson(MONDAY), Lesson(MONDAY, lost=12.0, class_id="4a", room="room-2"))
        school.close()
        yield url


@pytest.fixture
def facepose(url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", plain_database_url(url))

    def run(*arguments: str, text: str | None = None) -> Result:
        return CliRunner().invoke(app, arguments, input=text)

    return run


def test_a_question_is_answered_as_a_table(facepose):
    result = facepose("sql", "SELECT class, minutes FROM v_lessons ORDER BY class")
    assert result.exit_code == 0
    assert (
        result.stdout
        == "class | minutes\n------+--------\n3b    |      45\n4a    |      45\n(2 rows)\n"
    )


def test_csv_json_and_json_lines_say_the_same(facepose):
    question = "SELECT lesson_id, attention, reported, started_at FROM v_lessons ORDER BY 1"
    made = {
        form: facepose("sql", question, "--format", form).stdout
        for form in ("csv", "json", "jsonl")
    }
    rows = json.loads(made["json"])
    assert [json.loads(line) for line in made["jsonl"].splitlines()] == rows
    assert rows[0]["started_at"] == "2026-10-19 07:00:00+00"
    read = list(csv.DictReader(io.StringIO(made["csv"])))
    assert [(int(r["lesson_id"]), float(r["attention"])) for r in read] == [
        (r["lesson_id"], r["attention"]) for r in rows
    ]


def test_an_answer_without_rows_still_names_its_columns(facepose):
    question = "SELECT class, attention FROM v_lessons WHERE attention < 0"
    assert facepose("sql", question, "--format", "csv").stdout == "class,attention\n"
    assert facepose("sql", question).stdout.splitlines()[0] == "class | attention"


def test_a_file_and_standard_input_are_read(facepose, tmp_path):
    path = tmp_path / "question.sql"
    path.write_text("-- how many?\nSELECT count(*) AS lessons\nFROM v_lessons;\n")
    from_file = facepose("sql", "--file", str(path), "--format", "csv")
    from_input = facepose("sql", "--file", "-", "--format", "csv", text=path.read_text())
    assert from_file.stdout == from_input.stdout == "lessons\n2\n"


def test_rows_come_as_they_are_made(facepose):
    """A thousand million rows would neither fit nor end within the time-out."""
    result = facepose(
        "sql",
        "SELECT generate_series(1, 1000000000) AS n",
        "--limit",
        "2",
        "--format",
        "csv",
        "--timeout",
        "20",
    )
    assert (result.exit_code, result.stdout) == (0, "n\n1\n2\n")
    assert "only the first 2 rows" in result.stderr


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("SELECT *\nFROM v_leson", "line 2: FROM v_leson\n             ^\ndid you mean v_lessons"),
        ("SELECT attenti0n FROM v_lessons", "did you mean attention"),
        ("SELECT class FORM v_lessons", 'syntax error at or near "v_lessons"\nline 1: '),
        ("SELECT * FROM students", "permission denied for table students\n`facepose sql` reads"),
        ("SELECT * FROM vault.identities", "permission denied"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("SELECT 1; RESET ROLE; SELECT * FROM students", "one statement at a time"),
        ("RESET ROLE", "gives no rows"),
        ("CREATE TABLE mine (n int)", "read-only transaction\n`facepose sql` reads"),
        ("  ", "there is no SQL"),
    ],
)  # fmt: skip
def test_a_mistake_is_explained(facepose, statement, told):
    result = facepose("sql", statement)
    assert result.exit_code == FAILED
    assert told in result.stderr
    assert result.stdout == ""


def test_a_statement_that_takes_too_long_is_stopped(facepose):
    result = facepose("sql", "--timeout", "0.2", "SELECT pg_sleep(30)")
    assert result.exit_code == FAILED
    assert "--timeout" in result.stderr


def test_a_statement_that_fails_behind_its_first_rows_says_so(facepose):
    result = facepose(
        "sql", "SELECT 1 / (900 - n) FROM generate_series(1, 1000) AS n", "--format", "csv"
    )
    assert result.exit_code == FAILED
    assert "division by zero" in result.stderr


def test_neither_or_both_of_sql_and_file_are_refused(facepose):
    for arguments in ((), ("SELECT 1", "--file", "-")):
        result = facepose("sql", *arguments)
        assert (result.exit_code, result.stderr.startswith("give the SQL or a file")) == (
            FAILED,
            True,
        )


def test_views_are_listed_and_a_view_described(facepose):
    listed = facepose("sql", "--views").stdout
    assert re.search(r"^v_lessons +\| One row for each lesson", listed, re.MULTILINE)
    described = facepose("sql", "--describe", "v_lessons").stdout
    assert re.search(r"^attention +\| numeric +\| Visual orientation", described, re.MULTILINE)
    wrong = facepose("sql", "--describe", "v_lesson")
    assert (wrong.exit_code, "there is no view v_lesson" in wrong.stderr) == (FAILED, True)


def test_an_analysts_own_login_asks_as_well(url, monkeypatch):
    with analyst_login(url) as own:
        monkeypatch.setenv("DATABASE_URL", plain_database_url(own))
        result = CliRunner().invoke(app, ["sql", "SELECT count(*) FROM v_lessons"])
    assert result.exit_code == 0


def test_a_user_outside_of_the_role_is_told_what_to_grant(url):
    with (
        analyst_login(url, "facepose_writer") as other,
        pytest.raises(QueryError, match="GRANT"),
        analyst(other, 5),
    ):
        pass


def test_a_server_that_does_not_answer_is_named_without_the_password():
    with (
        pytest.raises(QueryError, match="PostgreSQL") as caught,
        analyst("postgresql://anna:geheim@127.0.0.1:1/x", 5),
    ):
        pass
    assert "geheim" not in str(caught.value)


def test_a_login_for_dashboards_reads_views_only_and_a_new_password_ends_the_old(facepose, url):
    made = facepose("db", "login", "test_metabase")
    try:
        first = re.search(r"^password +(\S+)$", made.stdout, re.MULTILINE).group(1)
        with _login(url, "test_metabase", first) as connection:
            assert connection.execute("SELECT count(*) FROM v_lessons").fetchone() == (2,)
            assert connection.execute("SHOW statement_timeout").fetchone() == ("30s",)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT * FROM students")
        assert "is there already" in str(facepose("db", "login", "test_metabase").exception)
        renewed = facepose("db", "login", "test_metabase", "--renew").stdout
        second = re.search(r"^password +(\S+)$", renewed, re.MULTILINE).group(1)
        with pytest.raises(psycopg.OperationalError):
            _login(url, "test_metabase", first)
        _login(url, "test_metabase", second).close()
    finally:
        with psycopg.connect(plain_database_url(url), autocommit=True) as owner:
            owner.execute(sql.SQL("DROP ROLE IF EXISTS test_metabase"))


@pytest.mark.parametrize("name", ["facepose_admin", "pg_x", "Anna", "a b", "x" * 64, "a'; --"])
def test_a_login_with_a_doubtful_name_is_refused(facepose, name):
    assert "cannot be a login" in str(facepose("db", "login", "--", name).exception)


def _login(url: str, user: str, password: str) -> psycopg.Connection:
    own = make_url(url).set(username=user, password=password)
    return psycopg.connect(plain_database_url(own.render_as_string(hide_password=False)))


def test_a_state_folder_is_asked_whether_or_not_its_server_runs(tmp_path, facepose):
    """DATABASE_URL names another database: the folder that is named counts."""
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    upgrade(server.start(), now=dt.datetime.now(dt.UTC))
    question = ("sql", "SELECT count(*) AS n FROM v_lessons", "--format", "csv")
    while_it_runs = facepose(*question, "--state", str(tmp_path))
    server.stop()
    assert while_it_runs.stdout == facepose(*question, "--state", str(tmp_path)).stdout == "n\n0\n"
    assert facepose(*question).stdout == "n\n2\n"
    nowhere = facepose(*question, "--state", str(tmp_path / "nowhere"))
    assert "there is no embedded database" in str(nowhere.exception)
