"""Reports' numbers are the views' numbers, and what a report must not say it does not say."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from html import unescape

import pypdfium2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from aggregator.reports.build import build_report
from aggregator.reports.document import Period, Report, Table
from aggregator.reports.figures.lessons import totals
from aggregator.reports.figures.scope import RoleError, Scope, analyst_snapshot
from aggregator.reports.rendering.files import render
from aggregator.reports.rendering.values import words_of
from aggregator.reports.tables_out import csv_files, report_json
from tests.integration.built_reports import build, cells, define, figure, table
from tests.integration.fresh_database import fresh_database
from tests.integration.school_history import Lesson, SchoolHistory, weeks_of

MONDAY = dt.date(2026, 10, 26)  # the clocks went back the night before
SUNDAY = dt.date(2026, 11, 1)
SPECIAL = (
    Lesson(MONDAY, dt.time(13), lost=14.0),
    Lesson(dt.date(2026, 10, 27), dt.time(13), scored=2),
    Lesson(dt.date(2026, 10, 28), dt.time(13), students=0, camera_down_min=45, coverage=0.0),
    Lesson(dt.date(2026, 10, 29), dt.time(13), status="planned"),
    Lesson(dt.date(2026, 10, 29), dt.time(14), camera_down_min=12, reconnects=3,
           events=("calibration_bumped",), students=9, stale=True),
    Lesson(dt.date(2026, 10, 30), dt.time(13), status="running"),
    # local Sunday, and UTC Saturday; the second one begins when 2:00 comes again
    Lesson(dt.date(2026, 10, 25), dt.time(0, 30), class_id="night", room="room-3", level=50.0),
    Lesson(SUNDAY, dt.time(23, 0), class_id="night", room="room-3", level=60.0),
)  # fmt: skip
# The mean of students' lessons, without a weight anywhere: each student is a row.
STUDENTS = "v_lessons CROSS JOIN LATERAL generate_series(1, students_scored)"


def hour_cell(found: Table, day: str, hour: str) -> object:
    return dict(cells(found, "hour", day.lower()))[hour]


@pytest.fixture(scope="module")
def school(postgres_server: str) -> Iterator[SchoolHistory]:
    with fresh_database(postgres_server) as url:
        history = SchoolHistory(url, "research", rooms=3)
        history.hold(*weeks_of(dt.date(2026, 9, 28), 5, rise=0.5), *SPECIAL)
        yield history
        history.close()


@pytest.fixture(scope="module")
def week(school: SchoolHistory) -> Report:
    return build(school, define("weekly_site"), MONDAY, SUNDAY)


def test_the_key_figures_are_those_of_the_views(school, week):
    [own] = school.ask(
        f"SELECT avg(attention)::float AS attention, count(*) AS n FROM {STUDENTS}"
        " WHERE reported AND local_date BETWEEN '2026-10-26' AND '2026-11-01'"
    )
    assert figure(week, "attention") == pytest.approx(own["attention"], abs=1e-9)
    assert f"{own['n']} student lessons" in week.summary[2]
    [own] = school.ask(
        "SELECT count(*) FILTER (WHERE reported) AS reported,"
        " count(*) FILTER (WHERE attention_early - attention_late >= 8) AS lost"
        " FROM v_lessons WHERE local_week = '2026-10-26'"
    )
    assert (figure(week, "reported"), figure(week, "lost")) == (own["reported"], own["lost"])
    assert own["lost"] == 1
    [own] = school.ask(
        "SELECT 1 - sum(down_minutes)::float / sum(planned_minutes) AS uptime FROM v_camera_days"
        " WHERE local_date >= '2026-10-26' AND local_date <= '2026-11-01'"
    )
    assert figure(week, "uptime") == pytest.approx(own["uptime"], abs=1e-9)
    assert own["uptime"] < 1


def test_coverage_is_the_share_of_students_seconds(school, week):
    [own] = school.ask(
        "SELECT sum(p.observed_s)::float / sum(p.present_s) AS coverage"
        " FROM participation_summaries AS p JOIN v_lessons AS l ON l.lesson_id = p.meeting_id"
        " WHERE l.local_week = '2026-10-26' AND l.reason <> 'too_few_scored'"
    )
    seen = [one for one in SPECIAL if one.day >= MONDAY and one.scored == 2]
    assert len(seen) == 1  # its unscored students have little coverage of their own
    assert figure(week, "coverage") == pytest.approx(own["coverage"], abs=0.002)


def test_weeks_classes_and_hours_are_those_of_the_views(school, week):
    own = school.ask(
        f"SELECT local_week::text AS week, avg(attention)::float AS attention FROM {STUDENTS}"
        " WHERE reported GROUP BY 1 ORDER BY 1"
    )
    found = cells(table(week, "weeks"), "week", "attention")
    assert [day for day, _ in found] == [row["week"] for row in own]
    assert [value for _, value in found] == pytest.approx([row["attention"] for row in own])
    own = school.ask(
        f"SELECT class_title AS class, avg(attention)::float AS attention FROM {STUDENTS}"
        " WHERE reported AND local_week = '2026-10-26' GROUP BY 1, class ORDER BY class"
    )
    assert cells(table(week, "classes"), "class", "attention") == [
        (row["class"], pytest.approx(row["attention"])) for row in own
    ]
    own = school.ask(
        f"SELECT to_char(local_start, 'FMDay') AS day, to_char(local_start, 'FMHH24:00') AS hour,"
        f" avg(attention)::float AS attention FROM {STUDENTS}"
        " WHERE reported AND local_week = '2026-10-26' GROUP BY 1, 2, weekday, local_hour"
        " ORDER BY weekday, local_hour"
    )
    found = table(week, "hours")
    assert [value for row in own if (value := hour_cell(found, row["day"], row["hour"]))] == [
        pytest.approx(row["attention"]) for row in own
    ]
    figures = [value for row in found.rows for value in row[1:] if value is not None]
    assert len(figures) == len(own)


def test_the_curve_of_the_site_is_that_of_its_lessons_minutes(school, week):
    own = school.ask(
        "SELECT minute_no / 5 AS block, avg(attention)::float AS attention, count(*) AS minutes"
        " FROM v_lesson_minutes CROSS JOIN LATERAL generate_series(1, students_scored)"
        " WHERE local_minute >= '2026-10-26' AND local_minute < '2026-11-02'"
        " AND attention IS NOT NULL GROUP BY 1 ORDER BY 1"
    )
    found = cells(table(week, "curve_blocks"), "attention", "student_minutes")
    assert [n for _, n in found] == [row["minutes"] for row in own]
    # daily curves are kept to 0.01
    assert [y for y, _ in found] == pytest.approx([row["attention"] for row in own], abs=0.005)


def test_the_curve_of_a_class_is_that_of_its_lessons_minutes(school):
    report = build(school, define("weekly_class", **{"class": "3b"}), MONDAY, SUNDAY)
    own = school.ask(
        "SELECT minute_no, avg(attention)::float AS attention FROM v_lesson_minutes"
        " CROSS JOIN LATERAL generate_series(1, students_scored)"
        " WHERE local_minute >= '2026-10-26' AND local_minute < '2026-11-02'"
        " AND class = '3b' AND attention IS NOT NULL GROUP BY 1 ORDER BY 1"
    )
    [chart] = [c for section in report.sections for c in section.charts if c.name == "curve"]
    assert chart.series[0].y == pytest.approx([row["attention"] for row in own])
    assert report.subject == "Class 3b"


def test_a_report_of_a_room_has_its_lessons_only(school):
    report = build(school, define("weekly_site", room="room-2"), MONDAY, SUNDAY)
    [own] = school.ask(
        f"SELECT avg(attention)::float AS attention FROM {STUDENTS}"
        " WHERE reported AND local_week = '2026-10-26' AND room = 'room-2'"
    )
    assert figure(report, "attention") == pytest.approx(own["attention"])
    assert report.subject == "Lindenschool, room room-2"
    assert [name for (name,) in cells(table(report, "rooms"), "room")] == ["room-2"]


def test_a_month_is_compared_with_the_month_before(school):
    report = build(school, define("monthly"), dt.date(2026, 10, 1), dt.date(2026, 10, 31))
    own = school.ask(
        f"SELECT avg(attention)::float AS attention FROM {STUDENTS} WHERE reported"
        " GROUP BY date_trunc('month', local_date) ORDER BY date_trunc('month', local_date)"
    )
    september, october = own[0]["attention"], own[1]["attention"]
    assert figure(report, "attention") == pytest.approx(october)
    assert figure(report, "change") == pytest.approx(october - september)
    assert "too few to call anything a change" in " ".join(report.summary)


def test_a_term_is_compared_with_the_terms_before(school):
    terms = [{"name": "a", "from": "2026-09-28", "until": "2026-10-11"},
             {"name": "b", "from": "2026-10-12", "until": "2026-11-01"}]  # fmt: skip
    report = build(school, define("term", terms=terms), dt.date(2026, 10, 12), SUNDAY)
    [own] = school.ask(
        f"SELECT avg(attention)::float AS attention FROM {STUDENTS}"
        " WHERE reported AND local_date BETWEEN '2026-09-28' AND '2026-10-11'"
    )
    difference = figure(report, "attention") - own["attention"]
    assert figure(report, "change") == pytest.approx(difference)
    assert len(table(report, "weeks").rows) == 3


def test_a_local_week_has_the_lessons_of_its_local_days(school, week):
    nights = [row for row in cells(table(week, "classes"), "class", "lessons") if row[0] == "night"]
    assert nights == [("night", 1)]
    before = build(school, define("weekly_site"), dt.date(2026, 10, 19), dt.date(2026, 10, 25))
    assert ("night", 1) in cells(table(before, "classes"), "class", "lessons")
    assert hour_cell(table(before, "hours"), "Sunday", "0:00") == pytest.approx(49.75)


def test_what_is_not_reported_stands_there_with_its_reason(week):
    assert set(cells(table(week, "not_reported_reasons"), "reason", "lessons")) == {
        ("the cameras were down for more than half of the lesson", 1),
        ("too few of the students could be scored", 1),
    }
    assert cells(table(week, "without_data"), "local_start") == [("2026-10-29T13:00",)]
    (left_out,) = week.left_out
    words = left_out.replace("\N{NO-BREAK SPACE}", " ")
    assert words == "Fri 30 Oct 2026, 13:00, 3b, room-1: not closed when this report was made"


def test_the_summary_is_short_and_names_what_it_rests_on(week):
    assert 3 <= len(week.summary) <= 6
    assert week.summary[0].startswith("13 of 15 lessons have enough evidence")
    assert "153 student lessons in 13 lessons" in week.summary[2]
    assert "no clear change" in week.summary[2]
    assert week.sections[0].name == "coverage"


def test_a_day_of_operations_has_rooms_cameras_and_what_waits_for_somebody(school):
    day = dt.date(2026, 10, 29)
    report = build(school, define("daily_operations"), day, day)
    own = school.ask(
        "SELECT camera, down_minutes, frames_expected, frames_analysed, reconnects,"
        " latency_p99_ms / 1000.0 AS delay FROM v_camera_days"
        " WHERE local_date = '2026-10-29' ORDER BY down_minutes DESC, camera"
    )
    names = ("camera", "down_minutes", "frames_expected", "frames_analysed", "reconnects")
    assert cells(table(report, "cameras"), *names) == [tuple(r[n] for n in names) for r in own]
    assert own[0]["down_minutes"] == 12 + 45  # and a lesson that no camera saw
    assert figure(report, "events") == 1
    assert cells(table(report, "events"), "what", "camera") == [("calibration bumped", "cam-1")]
    assert figure(report, "without_data") == 1


def test_expressions_are_shares_of_groups_where_policy_permits(school, week):
    own = school.ask(
        "SELECT expression, sum(share * students * minutes)::float / sum(students * minutes) AS y"
        " FROM v_expressions WHERE local_start >= '2026-10-26' AND local_start < '2026-11-02'"
        " GROUP BY 1"
    )
    found = dict(cells(table(week, "expressions"), "expression", "share"))
    assert found == {row["expression"]: pytest.approx(row["y"]) for row in own}
    assert sum(found.values()) == pytest.approx(1.0, abs=1e-3)


def test_csv_and_json_have_the_same_numbers_and_bytes_each_time(school, week):
    again = build(school, define("weekly_site"), MONDAY, SUNDAY)
    assert report_json(again) == report_json(week)
    files = dict(csv_files(week))
    assert files == dict(csv_files(again))
    rows = list(csv.DictReader(io.StringIO(files["weeks"].decode(), newline="")))
    [own] = school.ask(
        f"SELECT avg(attention)::float AS attention FROM {STUDENTS}"
        " WHERE reported AND local_week = '2026-10-26'"
    )
    assert float(rows[-1]["attention"]) == pytest.approx(own["attention"])
    assert float(rows[-1]["attention"]) == figure(week, "attention")


def words_without_tags(html: bytes) -> str:
    body = re.sub(r"(?s)<(style|svg|script)\b.*?</\1>|<[^>]+>", " ", html.decode())
    return " ".join(unescape(body).split())


def words_of_pdf(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    pages = [page.get_textpage().get_text_bounded() for page in document]
    document.close()
    return " ".join(" ".join(pages).split())


def numbers_of(report: Report) -> Iterator[str]:
    """Every number of the key figures and tables, as people read it."""
    for one in report.key_figures:
        yield words_of(one.value, one.unit, one.decimals, with_unit=False)
    for found in (t for section in report.sections for t in section.tables):
        for row in found.rows:
            for column, value in zip(found.columns, row, strict=True):
                if isinstance(value, int | float):
                    yield words_of(value, column.unit, column.decimals, with_unit=False)


def test_html_and_pdf_have_every_number_of_the_tables(week):
    html, pdf = render(week, ("html", "pdf"))
    for content in (words_without_tags(html.content), words_of_pdf(pdf.content)):
        words = Counter(content.replace("\u00a0", " ").replace(" %", "%").split())
        wanted = Counter(n.replace("\u00a0%", "%") for n in numbers_of(week))
        assert wanted.total() > 100
        assert wanted - words == Counter()


def test_nothing_is_called_what_it_is_not(school, week):
    day = build(school, define("daily_operations"), MONDAY, MONDAY)
    for report in (week, day):
        found = report_json(report).decode().lower()
        assert not re.findall(r"engage\w*|emotions? detected|learning|attentive", found)
        assert "visual orientation index" in found
        assert "auc .62" in found
        assert "score version 1" in found


def test_a_report_reads_one_moment_as_an_analyst_and_writes_nothing(school):
    scope = Scope("school", school.zone, dt.date(2026, 10, 5), dt.date(2026, 10, 11), "late")
    with school.engine.connect() as connection, analyst_snapshot(connection):
        assert totals(connection, scope).lessons == 0
        school.hold(Lesson(dt.date(2026, 10, 7), dt.time(18), class_id="late", room="room-2"))
        assert totals(connection, scope).lessons == 0
    with school.engine.connect() as connection, analyst_snapshot(connection):
        assert totals(connection, scope).lessons == 1
    for sql, error in (
        ("SELECT * FROM participation_summaries", "permission denied"),
        ("SELECT * FROM vault.identities", "permission denied"),
        ("CREATE TEMPORARY TABLE t (a int)", "read-only transaction|permission denied"),
    ):
        with (
            school.engine.connect() as connection,
            pytest.raises(DBAPIError, match=error),
            analyst_snapshot(connection),
        ):
            connection.execute(text(sql))


def test_a_login_without_the_role_is_told_what_to_grant(school):
    stranger = f"stranger_{uuid.uuid4().hex}"
    school.execute(f"CREATE ROLE {stranger}")
    try:
        with school.engine.connect() as connection:
            connection.execute(text(f"SET SESSION AUTHORIZATION {stranger}"))
            connection.commit()
            with (
                pytest.raises(RoleError, match="GRANT facepose_analyst TO that login"),
                analyst_snapshot(connection),
            ):
                pytest.fail("a stranger reads")
            connection.execute(text("RESET SESSION AUTHORIZATION"))
            connection.commit()
    finally:
        school.execute(f"DROP ROLE {stranger}")


def test_a_connection_in_a_transaction_is_refused(school):
    period = Period(first=MONDAY, last=SUNDAY, time_zone="Europe/Amsterdam")
    with school.engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        with pytest.raises(InvalidRequestError, match="already"):
            build_report(connection, define("weekly_site"), period, school.site)


def test_holidays_make_a_readable_report_that_says_so(school):
    report = build(school, define("weekly_site"), dt.date(2026, 12, 21), dt.date(2026, 12, 27))
    assert report.summary[0].startswith("No lesson was held in this period")
    assert [section.name for section in report.sections] == ["coverage", "trend", "not_reported"]
    assert figure(report, "reported") == 0
    assert report.score_versions == ()


def test_a_student_needs_confirmed_seats_and_the_reading_is_audited(school):
    [row] = school.ask(
        "SELECT st.pseudonym, count(*) AS lessons FROM students AS st"
        " JOIN participation_summaries AS p USING (student_id)"
        " WHERE p.meeting_start < '2026-10-24' GROUP BY 1 ORDER BY 1 LIMIT 1"
    )
    definition = define("student", student=str(row["pseudonym"]), reason="asked by the guardian")
    days = dt.date(2026, 9, 28), dt.date(2026, 10, 23)
    report = build(school, definition, *days)
    assert report.per_student
    assert (figure(report, "lessons"), figure(report, "attention")) == (0, None)
    school.execute("UPDATE rooms SET seats_confirmed_at = '2026-01-01'")
    report = build(school, definition, *days)
    [own] = school.ask(
        "SELECT avg(p.score)::float / 100 AS score, count(*) AS n FROM participation_summaries AS p"
        " JOIN students AS st USING (student_id) WHERE st.pseudonym = :who AND p.score IS NOT NULL"
        " AND p.meeting_start >= '2026-09-28' AND p.meeting_start < '2026-10-24'",
        who=row["pseudonym"],
    )
    assert figure(report, "attention") == pytest.approx(own["score"])
    assert figure(report, "lessons") == own["n"] == row["lessons"]
    assert str(row["pseudonym"]) in report.subject
    audit = school.ask("SELECT action, reason FROM audit_log ORDER BY audit_id")
    assert audit[-1] == {"action": "history", "reason": "asked by the guardian"}
    assert len(audit) == 2
