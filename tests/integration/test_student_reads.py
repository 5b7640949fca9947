"""Rows of single students: whom the functions show, what the audit keeps, what consent allows."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from aggregator.seated import seated_students
from deploy.safeguards.audit import verify
from schemas.consents import GIVERS, LINKABLE, Word, may_link, record, withdraw
from schemas.policy import PROFILES, resolve
from tests.integration.fresh_database import fresh_database
from tests.integration.guarded_school import MONDAY, REASON, SITE, GuardedSchool, Lesson, day

NOON = dt.datetime(2026, 10, 6, 10, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def school(postgres_server: str) -> Iterator[GuardedSchool]:
    with fresh_database(postgres_server) as url:
        school = GuardedSchool(url, "uk")
        yield school
        school.close()


def newest(school: GuardedSchool) -> dict[str, object]:
    [row] = school.ask("SELECT * FROM audit_log ORDER BY audit_id DESC LIMIT 1")
    return row


def test_a_students_history_has_every_lesson_in_plain_units(school):
    rows = school.history("S1")
    assert len(rows) == 15
    first = rows[0]
    assert (first["local_date"], first["room"], first["class"]) == (MONDAY, "room-1", "3b")
    assert f"{first['local_start']:%Y-%m-%d %H:%M}" == "2026-10-05 09:00"
    assert 60 < first["attention"] < 80
    assert (first["coverage"], first["why_none"], first["score_version"]) == (
        Decimal("0.850"),
        None,
        1,
    )
    assert first["baseline"] is None
    assert rows[-1]["baseline"] is not None


def test_each_reading_leaves_who_what_why_and_how_much(school):
    school.history("S2", reason="asked by the guardian")
    told = newest(school)
    assert told["actor"].startswith("admin_")
    assert told["role"] == told["actor"]
    assert (told["action"], told["object"], told["row_count"]) == ("history", "student", 15)
    assert told["reason"] == "asked by the guardian"
    assert str(school.pseudonym("S2")) not in str(told), "a digest, so that erasures stay possible"
    entries = school.read("audit_entries", dt.date(2026, 1, 1), dt.date(2100, 1, 1))
    assert entries[-1]["pseudonym"] == school.pseudonym("S2"), "resolved while the student is there"


def test_a_reading_of_nothing_stands_in_the_audit_too(school):
    nobody = uuid.uuid4()
    assert school.read("student_history", nobody, MONDAY, MONDAY, REASON) == []
    assert newest(school)["row_count"] == 0


def test_a_reading_is_refused_where_the_chain_would_fork(school):
    with school.session("admin") as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        with pytest.raises(DBAPIError, match="READ COMMITTED"):
            connection.execute(text(f"SELECT * FROM consent_gaps('{SITE}', 'why not')"))


def test_a_rostered_student_is_shown_for_the_lessons_that_consent_covers(school):
    number = school.enrol("S3")
    assert school.history("S3") == []
    school.say(number, Word(True, "student", "n1", day(1)))
    assert school.history("S3") == [], "in the United Kingdom the guardian has to consent"
    school.say(number, Word(True, "guardian", "n1", day(6), day(16)))
    days = [row["local_date"].day for row in school.history("S3")]
    assert days == [6, 7, 8, 9, 12, 13, 14, 15]
    school.say(number, Word(False, "student", "n1", day(13)))
    assert [row["local_date"].day for row in school.history("S3")] == [6, 7, 8, 9, 12]


def test_gaps_are_the_linked_lessons_without_consent(school):
    number = school.enrol("S4")
    gaps = school.read("consent_gaps", SITE, REASON)
    of_s4 = [row for row in gaps if row["pseudonym"] == school.pseudonym("S4")]
    assert len(of_s4) == 15
    school.say(number, Word(True, "guardian", "n1", day(1)))
    gaps = school.read("consent_gaps", SITE, REASON)
    assert not [row for row in gaps if row["pseudonym"] == school.pseudonym("S4")]


def test_a_class_lists_pseudonyms_and_seats_of_those_who_may_be_shown(school):
    school.execute("UPDATE participation_summaries SET meeting_start = meeting_start")
    number = school.enrol("S5")
    with school.engine.begin() as connection:  # now, whatever the date is
        connection.execute(
            text(
                "INSERT INTO seating SELECT class_id, seat_id, :n, '[2026-10-01,)' FROM classes,"
                " seats JOIN rooms USING (room_id) WHERE classes.slug = '3b' AND label = 'S5'"
                " AND rooms.slug = 'room-1'"
            ),
            {"n": number},
        )

    def listed() -> dict[uuid.UUID, tuple[str, str, bool]]:
        rows = school.read("class_students", SITE, "3b", REASON)
        return {r["pseudonym"]: (r["room"], r["seat"], r["rostered"]) for r in rows}

    assert school.pseudonym("S5") not in listed()
    school.say(number, Word(True, "both", "n1", day(1)))
    assert listed()[school.pseudonym("S5")] == ("room-1", "S5", True)
    with pytest.raises(DBAPIError, match="no class 9z"):
        school.read("class_students", SITE, "9z", REASON)
    with pytest.raises(DBAPIError, match="no site elsewhere"):
        school.read("class_students", "elsewhere", "3b", REASON)


def test_a_drop_needs_three_lessons_twenty_per_cent_and_ten_points(school):
    monday = MONDAY + dt.timedelta(weeks=3)
    low = (0.0, 0.0, 0.0, 0.0, 0.0, -30.0, -8.0)  # of S6 and S7
    for number in range(3):
        if number:
            assert school.read("student_drops", SITE, monday, REASON) == []
        school.hold(Lesson(day=monday + dt.timedelta(days=number), students=8, offsets=low))
    [drop] = school.read("student_drops", SITE, monday + dt.timedelta(days=4), REASON)
    assert drop["pseudonym"] == school.pseudonym("S6")
    assert (drop["class"], drop["lessons"]) == ("3b", 3)
    assert drop["drop_percent"] > 35


def test_figures_need_confirmed_and_undoubted_seats(school):
    shown = school.history("S1")
    lesson = school.lessons[0]
    meeting = {"m": school.meeting_id(lesson)}
    change = "UPDATE meeting_summaries SET ambiguous_s = {} WHERE meeting_id = :m"
    seconds = 8 * 45 * 60
    school.execute(change.format(seconds // 200), **meeting)
    assert school.history("S1") == shown, "half a per cent is not too much"
    school.execute(change.format(seconds // 200 + 1), **meeting)
    first = school.history("S1")[0]
    assert (first["attention"], first["baseline"]) == (None, None)
    assert first["why_none"] == "seats not confirmed or in doubt"
    school.execute(change.format(0), **meeting)
    school.execute("UPDATE rooms SET seats_confirmed_at = '2026-10-14 00:00+00'")
    reasons = [row["why_none"] for row in school.history("S1")]
    assert [reason is None for reason in reasons[:15]] == [False] * 7 + [True] * 8
    school.execute(
        "INSERT INTO events (ts, event_id, kind, severity, site_id, room_id)"
        " SELECT '2026-10-01 08:00+00', 77, 'seats_confirmed', 1, site_id, room_id FROM rooms"
        " WHERE slug = 'room-1'"
    )
    assert school.history("S1") == shown, "an earlier confirmation is not forgotten"
    school.execute("UPDATE rooms SET seats_confirmed_at = '2026-10-01 08:00+00'")


def test_where_policy_has_become_stricter_nothing_is_shown(school):
    assert school.history("S1")
    school.execute("UPDATE sites SET per_student = false")
    try:
        assert school.history("S1") == []
        assert school.read("class_students", SITE, "3b", REASON) == []
        assert school.read("student_drops", SITE, MONDAY + dt.timedelta(weeks=3), REASON) == []
    finally:
        school.execute("UPDATE sites SET per_student = true")


def test_the_audit_is_a_chain_that_shows_every_change(school):
    for _ in range(3):
        school.history("S1")
    with school.session("admin") as connection:
        verdict = verify(connection)
    assert verdict.is_whole
    assert verdict.entries > 3
    rows = school.ask("SELECT audit_id, reason, ts FROM audit_log ORDER BY audit_id")
    middle = rows[len(rows) // 2]["audit_id"]
    tampering = {
        "UPDATE audit_log SET reason = 'harmless' WHERE audit_id = :id": "was changed",
        "UPDATE audit_log SET ts = ts + interval '1 us' WHERE audit_id = :id": "was changed",
        "UPDATE audit_log SET row_count = NULL WHERE audit_id = :id": "was changed",
        "UPDATE audit_log SET hash = sha256('x') WHERE audit_id = :id": "was changed",
        "DELETE FROM audit_log WHERE audit_id = :id": "is missing",
    }
    for sql, told in tampering.items():
        with school.engine.connect() as connection:
            connection.execute(text(sql), {"id": middle})
            found = verify(connection)
            assert any(told in fault for fault in found.faults), sql
            connection.rollback()
    with school.engine.connect() as connection:
        connection.execute(text("DELETE FROM audit_log WHERE audit_id > :id"), {"id": middle})
        assert verify(connection).is_whole, "a chain alone cannot show that its end is missing"
        assert not verify(connection, verdict.head).is_whole
        connection.execute(text("DELETE FROM audit_log WHERE audit_id < :id"), {"id": middle})
        assert verify(connection).is_whole, "retention drops the oldest"
        connection.rollback()


moments = st.integers(0, 30)
words = st.builds(
    lambda granted, by, since, length: Word(
        granted, by, "n", day(1 + since), None if length is None else day(1 + since + length)
    ),
    st.booleans(),
    st.sampled_from(GIVERS),
    moments,
    st.none() | st.integers(1, 20),
)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(said=st.lists(words, max_size=5), profile=st.sampled_from(sorted(PROFILES)), at=moments)
def test_the_database_and_the_program_have_one_rule_and_the_last_word_counts(
    school, said, profile, at
):
    """Against a plain list: of one side, what was said last about a moment holds."""
    number, moment = school.student_id("S8"), day(1 + at) + dt.timedelta(hours=12)
    last = {word.by: word for word in said if word.holds(moment)}
    with school.engine.connect() as connection:
        for word in said:
            record(connection, number, "score", word)
        stored = connection.execute(
            text("SELECT consent_holds(:n, 2::smallint, :p, :at)"),
            {"n": number, "p": profile, "at": moment},
        ).scalar_one()
        connection.rollback()
    assert stored is may_link(profile, last.values(), moment)


def test_the_plan_links_exactly_whom_the_rule_allows(school):
    number = school.enrol("S7")
    values = {"site": SITE, "purpose": 2, "at": NOON}
    with school.engine.connect() as connection:
        connection.execute(
            text(
                "INSERT INTO seating SELECT class_id, seat_id, :n, '[2026-10-01,)' FROM classes,"
                " seats JOIN rooms USING (room_id) WHERE classes.slug = '3b' AND label = 'S7'"
                " AND rooms.slug = 'room-1'"
            ),
            {"n": number},
        )
        for words_said, allowed in (
            ([], False),
            ([Word(True, "guardian", "n", day(1))], True),
            ([Word(False, "student", "n", day(6))], False),
        ):
            for word in words_said:
                record(connection, number, "score", word)
            linkable = connection.execute(LINKABLE, values).scalars().all()
            seated = seated_students(connection, SITE, resolve("uk"), NOON)
            now = int(NOON.timestamp())
            linked = {
                entry.student_id
                for entries in seated.values()
                for entry in entries
                if entry.valid_from <= now and (entry.valid_until or now + 1) > now
            }
            assert (number in linkable) is (number in linked) is allowed
        assert withdraw(connection, number, "score", "student", day(6)) == 1
        assert number in connection.execute(LINKABLE, values).scalars().all()
        assert withdraw(connection, number, "score", "student", day(6)) == 0
        connection.rollback()


def test_saying_the_same_again_changes_nothing(school):
    number, word = school.student_id("S8"), Word(True, "guardian", "n", day(1), day(5), "file 3")
    with school.engine.connect() as connection:
        assert record(connection, number, "score", word)
        assert not record(connection, number, "score", word)
        assert record(connection, number, "score", word._replace(notice="n2"))
        assert record(connection, number, "presence", word), "another purpose, beside it"
        connection.rollback()
