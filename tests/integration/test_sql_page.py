"""docs/sql.md and docs/dashboards.md: every statement runs, as who it says, and answers."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator

import psycopg
import pytest

from deploy.sql.catalog import read_catalog
from tests.integration.analyst import analyst_login, connection_of
from tests.integration.fresh_database import fresh_database
from tests.integration.school_history import Lesson, SchoolHistory, weeks_of
from tests.sql_pages import (
    DASHBOARDS_PAGE,
    SQL_PAGE,
    statements,
    tell_views,
    told_views,
    views_as_markdown,
)

TODAY = dt.datetime.now(dt.UTC).date()
LAST_MONDAY = TODAY - dt.timedelta(days=TODAY.weekday() + 7)
QUESTIONS = statements(SQL_PAGE)
DASHBOARDS = statements(DASHBOARDS_PAGE)
WINDOW = """
    INSERT INTO attention_windows (window_start, participation_id, meeting_id, room_id, cam_mask,
        window_s, score_version, score, sum_x, n_obs, n_exp, confidence, n_front, n_desk_recent,
        n_desk_stale, n_peer, n_away, n_noface, eye_valid, eye_closed, missing_reason, state)
    SELECT lower(m.actual), p.participation_id, m.meeting_id, m.room_id,
        CASE WHEN p.anon_no = 1 THEN 3 ELSE 1 END,
        10, 1, 7000, 70000, 10, 10, 900, 7, 0, 0, 0, 3, 0, 0, 0, 0, 2
    FROM participations AS p JOIN meetings AS m USING (meeting_id)
    WHERE (lower(m.actual) AT TIME ZONE 'UTC')::date = :thursday
"""


@pytest.fixture(scope="module")
def school(postgres_server: str) -> Iterator[SchoolHistory]:
    """Four weeks up to the last one, in which everything happened that the page asks about."""
    with fresh_database(postgres_server) as url:
        school = SchoolHistory(url, "demo")
        school.hold(*weeks_of(LAST_MONDAY - dt.timedelta(weeks=3), 3))
        school.hold(*weeks_of(LAST_MONDAY, 1, offsets=(-25.0,)))  # one student fell far
        at = {"day": LAST_MONDAY, "class_id": "3b", "room": "room-1"}
        school.hold(
            Lesson(start=dt.time(11, 0), lost=30.0, **at),
            Lesson(start=dt.time(12, 0), coverage=0.3, **at),
            Lesson(start=dt.time(13, 0), camera_down_min=20, reconnects=2, **at),
            Lesson(start=dt.time(14, 0), status="planned", **at),
        )
        school.execute("UPDATE rooms SET seats_confirmed_at = '2026-01-01'")
        school.execute(
            "UPDATE calibrations SET valid = tstzrange(lower(valid), :day) WHERE seat_id = 1",
            day=LAST_MONDAY,
        )
        school.execute(
            "INSERT INTO calibrations"
            " (camera_id, seat_id, method, yaw_deg, pitch_deg, factor, valid)"
            " VALUES (1, 1, 'modal_seat', 25, -4, 1, tstzrange(:day, NULL))",
            day=LAST_MONDAY,
        )
        day = dt.datetime.combine(LAST_MONDAY + dt.timedelta(days=3), dt.time(), dt.UTC)
        school.execute(
            f"CREATE TABLE IF NOT EXISTS attention_windows_p{day:%Y%m%d} PARTITION OF"
            f" attention_windows FOR VALUES FROM ('{day:%Y-%m-%d} 00\\:00+00') TO"
            f" ('{day + dt.timedelta(days=1):%Y-%m-%d} 00\\:00+00')"
        )
        school.execute(WINDOW, thursday=day.date())
        _rescore_everything(school)
        yield school
        school.close()


@pytest.fixture(scope="module")
def logins(school: SchoolHistory) -> Iterator[dict[str, psycopg.Connection]]:
    owner = school.engine.url.render_as_string(hide_password=False)
    with (
        analyst_login(owner) as analyst,
        analyst_login(owner, "facepose_admin") as admin,
        connection_of(analyst) as as_analyst,
        connection_of(admin) as as_admin,
    ):
        yield {"facepose_analyst": as_analyst, "facepose_admin": as_admin}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: f"{q.heading.split()[0]}-{q.role}")
def test_a_question_of_the_page_is_answered(logins, question):
    rows = logins[question.role].execute(question.sql).fetchall()
    if question.heading.startswith("Q13"):
        assert rows == []  # nobody's figures are there without consent
    else:
        assert rows, question.heading


@pytest.mark.parametrize("chart", DASHBOARDS, ids=lambda chart: chart.heading)
def test_a_dashboards_chart_has_figures(logins, chart):
    assert chart.role == "facepose_analyst"
    rows = logins[chart.role].execute(chart.sql).fetchall()
    assert rows
    assert all(row[0] is not None for row in rows)


def test_all_fifteen_questions_are_there_and_those_about_single_students_ask_as_admin():
    headings = {question.heading.split()[0] for question in QUESTIONS}
    assert headings == {f"Q{n}" for n in range(1, 16)}
    admins = {q.heading.split()[0] for q in QUESTIONS if q.role == "facepose_admin"}
    assert admins == {"Q2", "Q12", "Q13"}


def test_questions_about_single_students_are_refused_to_an_analyst(logins):
    for question in QUESTIONS:
        if question.role == "facepose_admin":
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                logins["facepose_analyst"].execute(question.sql)


def test_a_drop_against_the_baseline_is_found_for_the_group_and_for_the_student(logins):
    """Each class has the student who fell; who asks for them by pseudonym stands in the audit."""
    group, single = (q for q in QUESTIONS if q.heading.startswith("Q2 "))
    classes = logins["facepose_analyst"].execute(group.sql).fetchall()
    assert [row[2] for row in classes] == [1, 1]
    students = logins["facepose_admin"].execute(single.sql).fetchall()
    assert {row[1] for row in students} == {"3b", "4a"}
    [audit] = (q for q in QUESTIONS if q.heading.startswith("Q12"))
    reasons = {row[5] for row in logins["facepose_admin"].execute(audit.sql).fetchall()}
    assert "weekly talk of the tutors" in reasons


def test_the_tables_of_the_views_say_what_the_database_says(school):
    """`FACEPOSE_TELL_VIEWS=1 pytest …` writes them anew."""
    with school.engine.connect() as connection:
        catalog = read_catalog(connection.connection.driver_connection)
    if os.environ.get("FACEPOSE_TELL_VIEWS"):
        tell_views(catalog)
    assert told_views() == views_as_markdown(catalog)


def _rescore_everything(school: SchoolHistory) -> None:
    """Version 2 beside version 1, 3 points higher."""
    school.execute(
        "INSERT INTO score_versions SELECT 2, 'AS-1b', params, 'x', 'x', effective_from"
        " FROM score_versions"
    )
    columns = school.ask(
        "SELECT string_agg(attname, ', ') AS names FROM pg_attribute WHERE attnum > 0 AND attrelid"
        " = 'meeting_summaries'::regclass AND attname NOT IN"
        " ('score_version', 'score_mean', 'rescored')"
    )[0]["names"]
    school.execute(
        f"INSERT INTO meeting_summaries ({columns}, score_version, score_mean, rescored)"
        f" SELECT {columns}, 2, score_mean + 300, true FROM meeting_summaries"
    )
