"""The analyst's views: what they say, in which words, and what they keep to themselves."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.integration.fresh_database import fresh_database
from tests.integration.school_history import Lesson, SchoolHistory, weeks_of

MONDAY = dt.date(2026, 10, 19)  # clocks go back on the Sunday after
VIEWS = [
    "v_calibration_moves",
    "v_camera_days",
    "v_events",
    "v_expressions",
    "v_lesson_minutes",
    "v_lesson_versions",
    "v_lessons",
    "v_lessons_not_reported",
    "v_lessons_without_data",
    "v_report_deliveries",
    "v_reports",
    "v_room_days",
    "v_score_versions",
    "v_seat_rows",
    "v_site_curves",
    "v_student_weeks",
    "v_two_cameras",
]
LOST = Lesson(MONDAY, dt.time(14, 0), lost=12.0, class_id="3b", room="room-1")
UNSEEN = Lesson(MONDAY, dt.time(15, 0), coverage=0.3, class_id="3b", room="room-1")
SMALL = Lesson(MONDAY, dt.time(16, 0), students=6, class_id="3b", room="room-1")
FORGOTTEN = Lesson(MONDAY, dt.time(16, 0), status="planned", class_id="4a", room="room-2")
DARK = Lesson(
    MONDAY, dt.time(14, 0), camera_down_min=15, reconnects=3, class_id="4a", room="room-2"
)


@pytest.fixture(scope="module")
def school(postgres_server: str) -> Iterator[SchoolHistory]:
    """Two classes over two weeks, and a Monday on which things went wrong."""
    with fresh_database(postgres_server) as url:
        school = SchoolHistory(url, "standard", k=7, expression=True)
        school.hold(*weeks_of(MONDAY, 2), LOST, UNSEEN, SMALL, FORGOTTEN, DARK)
        yield school
        school.close()


def one(school: SchoolHistory, view: str, lesson: Lesson) -> dict:
    number = school.meeting_id(lesson)
    [row] = school.ask(f"SELECT * FROM {view} WHERE lesson_id = :id", id=number)
    return row


def test_every_view_of_the_contract_is_there_and_every_column_explains_itself(school):
    rows = school.ask(
        """
        SELECT c.relname, a.attname, obj_description(c.oid, 'pg_class') AS view_words,
               col_description(c.oid, a.attnum) AS words, c.reloptions
        FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
        WHERE c.relkind = 'v' AND c.relnamespace = 'public'::regnamespace
        """
    )
    assert sorted({row["relname"] for row in rows}) == VIEWS
    for row in rows:
        place = f"{row['relname']}.{row['attname']}"
        assert len(row["view_words"] or "") > 20, place
        assert len(row["words"] or "") > 5, place
        assert row["reloptions"] == ["security_barrier=true"], place


def test_a_lesson_stands_in_plain_numbers_at_the_schools_own_time(school):
    [row] = school.ask("SELECT * FROM v_lessons WHERE class = '3b' ORDER BY started_at LIMIT 1")
    assert (row["site"], row["site_name"], row["room"]) == ("school", "Lindenschool", "room-1")
    assert row["started_at"] == dt.datetime(2026, 10, 19, 7, 0, tzinfo=dt.UTC)
    assert str(row["local_start"]) == "2026-10-19 09:00:00"
    assert (row["local_date"], row["local_week"]) == (MONDAY, MONDAY)
    assert (row["weekday"], row["local_hour"], row["minutes"]) == (1, 9, 45)
    [stored] = school.ask(
        "SELECT * FROM meeting_summaries WHERE meeting_id = :id", id=row["lesson_id"]
    )
    assert row["attention"] == Decimal(stored["score_mean"]) / 100
    assert row["coverage"] == Decimal("0.850")
    assert (row["reported"], row["reason"], row["reason_words"]) == (True, "ok", "reported")


def test_a_lesson_after_the_clocks_changed_still_begins_at_nine(school):
    rows = school.ask(
        "SELECT local_hour, extract(hour FROM started_at AT TIME ZONE 'UTC')::int AS utc"
        " FROM v_lessons WHERE class = '3b' AND weekday > 1 ORDER BY started_at"
    )
    assert {row["local_hour"] for row in rows} == {9}
    assert [row["utc"] for row in rows] == [7] * 4 + [8] * 4


def test_a_lesson_that_lost_its_class_says_by_how_many_points(school):
    row = one(school, "v_lessons", LOST)
    assert row["lost_points"] == row["attention_early"] - row["attention_late"]
    assert 10 < row["lost_points"] < 14


@pytest.mark.parametrize(
    ("lesson", "reason"), [(UNSEEN, "low_coverage"), (SMALL, "too_few_scored")]
)
def test_a_lesson_that_is_not_reported_has_a_reason_and_no_attention(school, lesson, reason):
    row = one(school, "v_lessons", lesson)
    assert (row["reported"], row["reason"]) == (False, reason)
    hidden = ("attention", "attention_early", "attention_late", "lost_points", "synchrony")
    assert [row[name] for name in hidden] == [None] * len(hidden)
    missing = one(school, "v_lessons_not_reported", lesson)
    assert missing["reason"] == reason
    assert len(missing["reason_words"]) > 10


def test_a_larger_k_hides_lessons_that_were_written_under_a_smaller_one(school):
    lesson = school.meeting_id(LOST)
    query = "SELECT count(attention) AS n, count(*) AS lessons FROM {} WHERE lesson_id = :id"
    before = school.ask(query.format("v_lesson_minutes"), id=lesson)
    school.execute("UPDATE sites SET k = 13")
    try:
        row = one(school, "v_lessons", LOST)
        assert (row["reported"], row["reason"], row["attention"]) == (False, "small_group", None)
        assert before[0]["n"] == 45
        assert school.ask(query.format("v_lesson_minutes"), id=lesson) == [{"n": 0, "lessons": 45}]
        for view in ("v_student_weeks", "v_seat_rows", "v_expressions"):
            assert school.ask(f"SELECT * FROM {view}") == [], view
        school.execute("UPDATE sites SET k = 12")
        assert one(school, "v_lessons", LOST)["reported"]
        assert school.ask("SELECT * FROM v_student_weeks") != []
    finally:
        school.execute("UPDATE sites SET k = 7")


def test_a_policy_without_rows_of_students_or_expressions_has_none_of_their_groups(school):
    assert school.ask("SELECT * FROM v_expressions") != []
    assert school.ask("SELECT * FROM v_seat_rows") != []
    school.execute("UPDATE sites SET per_student = false, expression = false")
    try:
        for view in ("v_student_weeks", "v_seat_rows", "v_expressions", "v_two_cameras"):
            assert school.ask(f"SELECT * FROM {view}") == [], view
        assert school.ask("SELECT count(attention) AS n FROM v_lessons")[0]["n"] > 10
    finally:
        school.execute("UPDATE sites SET per_student = true, expression = true")


def test_planned_lessons_that_left_nothing_are_listed(school):
    [row] = school.ask("SELECT * FROM v_lessons_without_data")
    assert row["lesson_id"] == school.meeting_id(FORGOTTEN)
    assert (row["status"], str(row["local_start"])) == ("planned", "2026-10-19 16:00:00")


def test_a_lesson_counts_once_however_often_it_was_rescored(school):
    number = school.meeting_id(LOST)
    school.execute(
        "INSERT INTO score_versions SELECT 2, 'AS-2', params, 'x', 'x', effective_from"
        " FROM score_versions"
    )
    for table in ("meeting_summaries", "meeting_minutes", "participation_summaries"):
        columns = [
            row["name"]
            for row in school.ask(
                "SELECT attname AS name FROM pg_attribute WHERE attrelid = cast(:t AS regclass)"
                " AND attnum > 0 AND attname NOT IN ('score_version', 'rescored')",
                t=table,
            )
        ]
        names = ", ".join(columns)
        school.execute(
            f"INSERT INTO {table} ({names}, score_version, rescored) SELECT {names}, 2,"
            f" true FROM {table} WHERE meeting_id = :id",
            id=number,
        )
    try:
        assert one(school, "v_lessons", LOST)["score_version"] == 1
        versions = school.ask(
            "SELECT score_version, is_held_version FROM v_lesson_versions"
            " WHERE lesson_id = :id ORDER BY 1",
            id=number,
        )
        assert [tuple(row.values()) for row in versions] == [(1, True), (2, False)]
        minutes = "SELECT count(*) AS n FROM v_lesson_minutes WHERE lesson_id = :id"
        assert school.ask(minutes, id=number) == [{"n": 45}]
        [week] = school.ask(
            "SELECT * FROM v_student_weeks WHERE class = '3b' AND local_week = :w", w=MONDAY
        )
        assert (week["lessons"], week["students"]) == (8, 12)
    finally:
        for table in ("meeting_summaries", "meeting_minutes", "participation_summaries"):
            school.execute(f"DELETE FROM {table} WHERE score_version = 2")
        school.execute("DELETE FROM score_versions WHERE score_version = 2")


def test_a_weeks_students_are_counted_and_never_named(school):
    [row] = school.ask(
        "SELECT * FROM v_student_weeks WHERE class = '4a' AND local_week = :w", w=MONDAY
    )
    assert row["students"] == 12
    assert row["students_below_baseline"] == 0
    assert row["attention_p25"] < row["attention_p50"] < row["attention_p75"]
    assert not {"student_id", "pseudonym"} & row.keys()


def test_students_far_below_their_own_baseline_are_counted(school):
    week = MONDAY + dt.timedelta(weeks=1)
    ids = "SELECT DISTINCT student_id FROM participation_summaries ORDER BY 1 LIMIT 1"
    school.execute(f"UPDATE participation_summaries SET baseline = 9000 WHERE student_id = ({ids})")
    [row] = school.ask(
        "SELECT sum(students_below_baseline)::int AS n FROM v_student_weeks WHERE local_week = :w",
        w=week,
    )
    assert row["n"] == 1


def test_a_camera_that_was_down_for_a_third_of_a_lesson_shows_it(school):
    [row] = school.ask(
        "SELECT * FROM v_camera_days WHERE camera = 'cam-2' AND local_date = :d", d=MONDAY
    )
    # two lessons held, and one of which nothing came
    assert (row["planned_minutes"], row["down_minutes"]) == (135, 15 + 45)
    assert row["uptime"] == Decimal("0.5556")
    assert row["frames_analysed"] < row["frames_expected"]
    assert row["reconnects"] == 3
    [room] = school.ask(
        "SELECT * FROM v_room_days WHERE room = 'room-2' AND local_date = :d", d=MONDAY
    )
    assert (room["cameras"], room["uptime"]) == (1, row["uptime"])


def test_days_before_a_camera_was_heard_of_are_not_held_against_it(school):
    [row] = school.ask(
        "SELECT min(local_date) AS first, max(local_date) AS last FROM v_camera_days"
    )
    assert (row["first"], row["last"]) == (MONDAY, MONDAY + dt.timedelta(days=11))


def test_the_sites_curve_is_the_weighted_mean_of_its_lessons_minutes(school):
    [curve] = school.ask(
        "SELECT * FROM v_site_curves WHERE local_date = :d AND minute_no = 3",
        d=MONDAY + dt.timedelta(days=1),
    )
    [mean] = school.ask(
        "SELECT sum(attention * students_scored) / sum(students_scored) AS mean, count(*) AS n"
        " FROM v_lesson_minutes WHERE local_minute::date = :d AND minute_no = 3",
        d=MONDAY + dt.timedelta(days=1),
    )
    assert curve["lessons"] == mean["n"] == 2
    assert curve["attention"] == round(mean["mean"], 2)


def test_expressions_of_a_class_sum_to_one(school):
    rows = school.ask(
        "SELECT * FROM v_expressions WHERE lesson_id = :id", id=school.meeting_id(LOST)
    )
    assert len(rows) == 7
    assert abs(sum(row["share"] for row in rows) - 1) < Decimal("0.001")
    assert {(row["students"], row["minutes"]) for row in rows} == {(12, 9)}
    assert max(rows, key=lambda row: row["share"])["expression"] == "surprise"  # p_sum's first


def test_events_do_not_tell_whose_seat_it_was(school):
    school.execute(
        "INSERT INTO events (ts, event_id, kind, severity, site_id, payload)"
        " SELECT '2026-10-19 08:00+00', 7, 'seat_change', 2, site_id,"
        ' \'{"seats": ["S1", "S2"], "n_seats": 2}\' FROM sites'
    )
    [row] = school.ask("SELECT * FROM v_events WHERE kind = 'seat_change'")
    assert row["details"] == {"n_seats": 2}
    assert str(row["local_at"]) == "2026-10-19 10:00:00"


def test_a_calibration_that_moved_says_how_far(school):
    school.execute(
        "UPDATE calibrations SET valid = tstzrange(lower(valid), '2026-10-20') WHERE seat_id = 1"
    )
    school.execute(
        "INSERT INTO calibrations (camera_id, seat_id, method, yaw_deg, pitch_deg, factor, valid)"
        " VALUES (1, 1, 'modal_seat', -176, -14, 1, '[2026-10-20,)')"
    )
    [row] = school.ask("SELECT * FROM v_calibration_moves")
    assert (row["camera"], row["seat"]) == ("cam-1", "S1")
    assert (row["yaw_change_deg"], row["pitch_change_deg"]) == (179, -10)


def test_recipients_are_masked_and_files_about_single_students_not_named(school):
    school.execute(
        "INSERT INTO report_defs (site_id, slug, kind, cron, tz, formats)"
        " VALUES (1, 'weekly', 'weekly_class', '0 6 * * 1', 'Europe/Amsterdam', '{pdf}')"
    )
    school.execute(
        "INSERT INTO report_runs (report_id, period, due_at, status, left_out)"
        " SELECT report_id, '[2026-10-18 22:00+00,2026-10-25 23:00+00)', '2026-10-26 05:00+00',"
        " 'done', '[1, 2]' FROM report_defs"
    )
    for name, single in (("weekly.pdf", False), ("5d1c6d5e.pdf", True)):
        school.execute(
            "INSERT INTO report_files (run_id, name, media_type, sha256, content, per_student)"
            " SELECT run_id, :name, 'application/pdf', 'x', 'x', :single FROM report_runs",
            name=name,
            single=single,
        )
    recipients = {
        "mail": "headteacher@school.example",
        "webhook": "https://user:geheim@hooks.example:8443/token/geheim?x=geheim",
        "folder": "/srv/geheim",
    }
    for channel, recipient in recipients.items():
        school.execute(
            "INSERT INTO report_deliveries (run_id, recipient, channel)"
            " SELECT run_id, :recipient, :channel FROM report_runs",
            recipient=recipient,
            channel=channel,
        )
    [run] = school.ask("SELECT * FROM v_reports")
    assert (run["local_first_day"], run["local_last_day"]) == (MONDAY, dt.date(2026, 10, 25))
    assert (run["left_out"], run["files"]) == (2, ["weekly.pdf"])
    masked = {
        row["channel"]: row["recipient"] for row in school.ask("SELECT * FROM v_report_deliveries")
    }
    assert masked == {
        "mail": "h***@school.example",
        "webhook": "https://hooks.example:8443",
        "folder": "folder",
    }


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("SELECT * FROM v_lessons WHERE site = 'school' AND started_at >= '2026-10-20'",
         r"Index Cond: \(?.*meeting_start >= '2026-10-20"),
        ("SELECT * FROM v_lesson_minutes WHERE minute_at BETWEEN '2026-10-20' AND '2026-10-21'",
         r"meeting_minutes_p202610"),
        ("SELECT * FROM v_student_weeks WHERE local_week = '2026-10-19'",
         r"Index Cond: .*meeting_start >= \(w.monday"),
        ("SELECT * FROM v_camera_days WHERE local_date = '2026-10-20'",
         r"Index Cond: .*camera_id = .*minute >= "),
        ("SELECT * FROM v_seat_rows WHERE local_month = '2026-10-01'",
         r"Index Cond: .*meeting_start >= \(w.first_day"),
    ],
)  # fmt: skip
def test_filters_on_time_reach_indexes_and_partitions(school, query, wanted):
    with school.engine.connect() as connection:
        connection.exec_driver_sql("SET enable_seqscan = off")  # these tables are tiny
        connection.exec_driver_sql("SET enable_bitmapscan = off")
        plan = "\n".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {query}"))
    assert re.search(wanted, plan), plan
    assert "meeting_minutes_p202611" not in plan
