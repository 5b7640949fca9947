"""Policy's locks in the database: what a profile forbids is not there, whoever writes it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
import redis
from sqlalchemy import Boolean, insert, text
from sqlalchemy.exc import DBAPIError

from aggregator.rows import ExpressionMinuteRow, is_per_student
from schemas import tables
from schemas.partitions import PartitionKeeper
from tests.integration.fresh_database import fresh_database
from tests.integration.guarded_school import MONDAY, GuardedSchool, Lesson
from tests.integration.running_rooms import School, a_future_minute, a_site
from tests.integration.school_history import SchoolHistory
from tests.unit import room_log

LOCKED = (
    "participations",
    "attention_windows",
    "attention_minutes",
    "expression_minutes",
    "participation_summaries",
)
AT = dt.datetime(2026, 10, 5, 8, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def school(postgres_server: str) -> Iterator[GuardedSchool]:
    with fresh_database(postgres_server) as url:
        school = GuardedSchool(url, "demo")
        yield school
        school.close()


@pytest.fixture
def policy(school: GuardedSchool) -> Iterator[GuardedSchool]:
    yield school
    school.execute("UPDATE sites SET per_student = true, expression = true")


def a_row(school: GuardedSchool, table: str, meeting_id: int | None = None) -> dict[str, object]:
    """The least that a table takes."""
    meeting = school.meeting_id(school.lessons[0]) if meeting_id is None else meeting_id
    columns = [c for c in tables.metadata.tables[table].columns if not c.nullable]
    values = {c.name: False if isinstance(c.type, Boolean) else 0 for c in columns}
    values |= {n: AT for n in ("window_start", "minute", "meeting_start") if n in values}
    fixed = {"identity_source": "anonymous", "model_version": "m", "p_sum": [0.0] * 7, "site_id": 1}
    values |= {name: value for name, value in fixed.items() if name in values}
    number: dict[str, object] = {"participation_id": 7} | (
        {"anon_no": 99} if table == "participations" else {}
    )
    return values | number | {"meeting_id": meeting}


def write(school: GuardedSchool, table: str, row: dict[str, object], beside: bool = False) -> None:
    """Insert and roll back; `beside`: into the partition itself."""
    with school.engine.connect() as connection:
        PartitionKeeper().cover(connection, [AT])
        statement = insert(tables.metadata.tables[table]).values(row)
        if beside:
            name = (
                f"{table}_p{AT:%Y%m%d}" if table == "attention_windows" else f"{table}_p{AT:%Y%m}"
            )
            columns = ", ".join(row)
            statement = text(
                f"INSERT INTO {name} ({columns}) VALUES ({', '.join(':' + c for c in row)})"
            ).bindparams(**row)
        connection.execute(statement)
        connection.rollback()


@pytest.mark.parametrize("table", LOCKED)
def test_no_row_of_a_student_is_written_where_policy_has_none(policy, table):
    row = a_row(policy, table)
    write(policy, table, row)
    policy.execute("UPDATE sites SET per_student = false")
    with pytest.raises(DBAPIError, match=r"policy permits no rows of single students.*\n.*\n?"):
        write(policy, table, row)
    if table != "participations":
        with pytest.raises(DBAPIError, match="policy permits no rows of single students"):
            write(policy, table, row, beside=True)


def test_expressions_have_a_lock_of_their_own(policy):
    policy.execute("UPDATE sites SET expression = false")
    for table in LOCKED[:3]:
        write(policy, table, a_row(policy, table))
    for beside in (False, True):
        with pytest.raises(DBAPIError, match="policy permits no expressions of meeting"):
            write(policy, "expression_minutes", a_row(policy, "expression_minutes"), beside)


def test_one_forbidden_row_among_permitted_ones_is_found(policy):
    policy.execute(
        "INSERT INTO meetings (meeting_id, room_id, site_id, policy_profile, identity_mode,"
        " source_key) SELECT 5, room_id, site_id, 'eu', 0, 'auto:eu' FROM rooms"
        " WHERE slug = 'room-1' ON CONFLICT DO NOTHING"
    )
    rows = [a_row(policy, "attention_minutes") | {"participation_id": n} for n in range(20)]
    rows.append(a_row(policy, "attention_minutes", meeting_id=5) | {"participation_id": 30})
    with policy.engine.connect() as connection:
        PartitionKeeper().cover(connection, [AT])
        with pytest.raises(DBAPIError, match="rows of single students of meeting 5"):
            connection.execute(insert(tables.attention_minutes).values(rows))


def test_a_row_of_no_known_meeting_is_refused(policy):
    with pytest.raises(DBAPIError, match="no meeting 12345 is known"):
        write(policy, "attention_windows", a_row(policy, "attention_windows", meeting_id=12345))


def test_the_writer_cannot_get_round_the_lock(policy):
    policy.execute("UPDATE sites SET per_student = false")
    row = a_row(policy, "attention_windows")
    with policy.session("writer") as connection:
        for sql in (
            "ALTER TABLE attention_windows DISABLE TRIGGER policy_lock",
            "SET session_replication_role = replica",
            "DROP TRIGGER policy_lock ON attention_windows",
        ):
            with pytest.raises(DBAPIError), connection.begin_nested():
                connection.execute(text(sql))
        with pytest.raises(DBAPIError, match="policy permits no rows"):
            connection.execute(insert(tables.attention_windows).values(row))


def test_an_aggregator_that_learns_later_leaves_out_what_is_forbidden_now(policy):
    lesson = Lesson(day=MONDAY + dt.timedelta(weeks=5), students=8)
    meeting = {"m": policy.meeting_id(lesson)}
    policy.execute("UPDATE sites SET per_student = false")
    assert any(is_per_student(row) for row in policy.rows_of(lesson))
    policy.hold(lesson)
    [held] = policy.ask("SELECT n_present FROM meeting_summaries WHERE meeting_id = :m", **meeting)
    assert held["n_present"] == 8
    for table in LOCKED:
        assert policy.ask(f"SELECT 1 FROM {table} WHERE meeting_id = :m", **meeting) == []


def test_expressions_alone_are_left_out_where_only_they_are_forbidden(policy):
    lesson = Lesson(day=MONDAY + dt.timedelta(weeks=6), students=8)
    meeting = {"m": policy.meeting_id(lesson)}
    policy.execute("UPDATE sites SET expression = false")
    assert any(isinstance(row, ExpressionMinuteRow) for row in policy.rows_of(lesson))
    policy.hold(lesson)
    assert policy.ask("SELECT 1 FROM expression_minutes WHERE meeting_id = :m", **meeting) == []
    assert len(policy.ask("SELECT 1 FROM participations WHERE meeting_id = :m", **meeting)) == 8


def test_rows_that_a_stricter_policy_has_overtaken_are_counted_and_purged(database_url):
    school = GuardedSchool(database_url, "demo")
    purge = "purge_forbidden_rows"
    with school.session("maintenance") as connection:

        def rows(dry_run: bool) -> dict[str, int]:
            result = connection.execute(text(f"SELECT * FROM {purge}(:d)"), {"d": dry_run})
            found = {table: count for _, table, count in result}
            connection.commit()
            return found

        assert rows(True) == {}
        school.execute("UPDATE sites SET expression = false")
        assert list(rows(True)) == ["expression_minutes"]
        school.execute("UPDATE sites SET per_student = false")
        counted = rows(True)
        assert counted["participations"] == counted["participation_summaries"] == 15 * 8
        assert counted["students"] == 8
        assert rows(False) == counted
        assert rows(True) == {}
    for table in (*LOCKED, "students"):
        assert school.ask(f"SELECT 1 FROM {table} LIMIT 1") == []
    assert len(school.ask("SELECT 1 FROM meeting_summaries")) == 15
    [told] = school.ask("SELECT actor, action, object_id FROM audit_log")
    assert told["actor"].startswith("maintenance_")
    assert (told["action"], told["object_id"]) == ("purge", "school")
    school.close()


def test_after_a_lesson_under_eu_the_database_holds_the_class_and_nobody_in_it(
    database_url, valkey_server, monkeypatch
):
    monkeypatch.setattr(room_log, "START", a_future_minute())
    with redis.Redis.from_url(valkey_server) as client:
        client.flushdb()
    school = School(database_url, valkey_server, a_site("eu", seats=12))
    aggregator = school.aggregator("a")
    school.log(room_log.timed_log(school.plan, 200, room_log.classroom(12)))
    school.run(aggregator)
    [held] = aggregator._held.values()
    assert len(held.room.state.meeting.people) == 12, "they are in its memory"

    everything = {
        table: school.rows(f"{table.schema or 'public'}.{table.name}")
        for table in tables.metadata.sorted_tables
        if len(table.columns) > 1
    }
    filled = {table.name for table, rows in everything.items() if rows}
    assert {"meetings", "meeting_minutes", "camera_minutes", "room_state"} <= filled
    about_students = {"participation_id", "student_id"}
    assert not [
        t for t in everything if about_students & set(t.columns.keys()) and t.name in filled
    ]
    [state] = everything[tables.room_state]
    [snapshot] = [bytes(value) for value in state if isinstance(value, bytes | memoryview)]
    assert snapshot[:1] == b"S", "sealed"
    ids = [str(person.participation_id) for person in held.room.state.meeting.people.values()]
    assert not [
        (table.name, row)
        for table, rows in everything.items()
        for row in rows
        if any(number in str(row) for number in ids)
    ]
    aggregator.finish()
    school.close()


def test_an_erased_number_is_never_linked_again(school: SchoolHistory):
    number = school.student_id("S2")
    school.execute("UPDATE students SET erased_at = now() WHERE student_id = :n", n=number)
    lesson = Lesson(day=MONDAY + dt.timedelta(weeks=8), students=8)
    school.hold(lesson)
    meeting = {"m": school.meeting_id(lesson)}
    for table in ("participations", "participation_summaries"):
        found = school.ask(f"SELECT student_id FROM {table} WHERE meeting_id = :m", **meeting)
        assert len(found) == 8
        assert {"student_id": number} not in found
        assert [row["student_id"] for row in found].count(None) == 1
