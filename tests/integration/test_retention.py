"""What is too old goes, by the day, and nobody who writes is stopped for it."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from aggregator.history.retention import RetentionReport
from aggregator.history.upkeep import daily_upkeep, keep_house
from schemas.database import connect, create_engine
from schemas.partitions import ensure_partitions, existing_partitions
from schemas.site_retention import KEEP_OF, Retention
from schemas.sync import sync_site
from tests.integration.fresh_database import fresh_database
from tests.integration.school_history import Lesson, SchoolHistory, a_school

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
TODAY = NOW.date()
SYNCED = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
LESSON_ROWS = "meetings, meeting_minutes, participation_summaries, site_day_curves, camera_minutes"


@pytest.fixture(scope="module")
def history(postgres_server):
    with fresh_database(postgres_server) as url:
        history = SchoolHistory(url)
        history.url = url
        yield history
        history.close()


@pytest.fixture
def school(history):
    """One school with the built-in keeps, no lessons, and only the partitions of these days."""
    history.execute(f"TRUNCATE {LESSON_ROWS}, report_runs, report_defs CASCADE")
    days = json.dumps(dict.fromkeys(Retention.model_fields, 1) | {"audit_days": 366})
    history.execute("UPDATE sites SET retention = CAST(:days AS jsonb)", days=days)
    keep(history)  # another test's second school keeps nothing longer
    with connect(history.engine) as connection:
        for partition in existing_partitions(connection):
            connection.execute(text(f"DROP TABLE {partition.name}"))
        ensure_partitions(connection, NOW, 14)
        connection.commit()
    return history


def keep(school, name="school", **days):
    """The site file asks for other keeps."""
    site = a_school() if name == "school" else another_school(name)
    sync_site(school.engine, site.model_copy(update={"retention": Retention(**days)}), SYNCED)


def another_school(name):
    site = a_school()
    return site.model_copy(update={"site": site.site.model_copy(update={"id": name})})


def partitions_on(school, *days):
    with connect(school.engine) as connection:
        for day in days:
            ensure_partitions(connection, dt.datetime.combine(day, dt.time(12), dt.UTC), 0)
        connection.commit()


def partitions(school, table=None):
    with connect(school.engine) as connection:
        return [p for p in existing_partitions(connection) if table in {None, p.table}]


def names(school, table):
    return [partition.name for partition in partitions(school, table)]


def test_windows_go_on_the_day_after_their_last_day_and_not_before(school):
    partitions_on(school, TODAY - 45 * DAY, TODAY - 46 * DAY)
    report = keep_house(school.engine, NOW)
    assert report.retention.partitions == [f"attention_windows_p{TODAY - 46 * DAY:%Y%m%d}"]
    assert f"attention_windows_p{TODAY - 45 * DAY:%Y%m%d}" in names(school, "attention_windows")
    tomorrow = keep_house(school.engine, NOW + DAY)
    assert tomorrow.retention.partitions == [f"attention_windows_p{TODAY - 45 * DAY:%Y%m%d}"]


def test_a_month_goes_when_its_last_day_is_too_old(school):
    partitions_on(school, dt.date(2026, 7, 1))
    until = dt.date(2026, 8, 1) + 120 * DAY  # as long as the last of July is kept
    before = dt.datetime.combine(until - DAY, dt.time(23, 59), dt.UTC)
    assert "attention_minutes_p202607" not in keep_house(school.engine, before).retention.partitions
    gone = keep_house(school.engine, before + DAY).retention.partitions
    assert {"attention_minutes_p202607", "expression_minutes_p202607"} <= set(gone)
    assert names(school, "meeting_minutes")[0] == "meeting_minutes_p202607"


def test_every_table_with_partitions_has_a_keep_and_the_database_says_it(school):
    told = school.ask("SELECT table_name, keep, unit FROM retention")
    assert {row["table_name"]: row["keep"].days for row in told} == {
        "attention_windows": 45,
        "attention_minutes": 120,
        "expression_minutes": 120,
        "participation_summaries": 400,
        "meeting_minutes": 400,
        "meetings": 400,
        "site_day_curves": 400,
        "camera_minutes": 90,
        "events": 400,
        "audit_log": 1095,
        "report_files": 400,
    }
    assert {p.table for p in partitions(school)} <= set(KEEP_OF)
    units = {row["table_name"]: row["unit"] for row in told}
    assert [units[t] for t in ("attention_windows", "events", "meetings")] == [
        "day",
        "month",
        "row",
    ]


def test_the_longest_keep_of_all_sites_holds_for_partitions(school):
    partitions_on(school, TODAY - 50 * DAY, TODAY - 61 * DAY)
    keep(school, "other", windows_days=60)
    report = keep_house(school.engine, NOW)
    assert report.retention.partitions == [f"attention_windows_p{TODAY - 61 * DAY:%Y%m%d}"]
    keep(school, "other", windows_days=30)
    report = keep_house(school.engine, NOW)
    assert report.retention.partitions == [f"attention_windows_p{TODAY - 50 * DAY:%Y%m%d}"]


def test_lessons_stay_at_least_as_long_as_what_hangs_on_them():
    keeps = Retention(lessons_days=10, summaries_days=90, class_minutes_days=30, windows_days=20)
    assert keeps.days_of("meetings") == 120  # minutes of students
    assert keeps.days_of("participation_summaries") == 90


def test_old_lessons_go_with_all_that_hangs_on_them_and_others_stay(school):
    old, running, young = (
        Lesson(TODAY - 401 * DAY, minutes=6),
        Lesson(TODAY - 401 * DAY, dt.time(12), minutes=6, status="running"),
        Lesson(TODAY - 399 * DAY, minutes=6),
    )
    keep(school, "other", lessons_days=1)
    school.hold(old, running, young)
    n_curves = len(school.ask("SELECT FROM site_day_curves WHERE day > :d", d=old.day))
    report = keep_house(school.engine, NOW)
    assert report.retention.rows == {"meetings": 1, "site_day_curves": n_curves}
    left = {row["meeting_id"] for row in school.ask("SELECT meeting_id FROM meetings")}
    assert left == {school.meeting_id(running), school.meeting_id(young)}
    for table in ("participations", "meeting_summaries"):
        rows = school.ask(f"SELECT DISTINCT meeting_id FROM {table}")
        assert {row["meeting_id"] for row in rows} == {school.meeting_id(young)}
    assert {row["day"] for row in school.ask("SELECT day FROM site_day_curves")} == {young.day}


def test_lessons_go_in_batches_and_none_is_forgotten(school, monkeypatch):
    monkeypatch.setattr("aggregator.history.retention.BATCH", 2)
    school.hold(*(Lesson(TODAY - (401 + n) * DAY, minutes=5, students=5) for n in range(5)))
    assert keep_house(school.engine, NOW).retention.rows["meetings"] == 5
    assert school.ask("SELECT FROM meetings") == []


def test_files_of_old_reports_go_and_the_runs_stay(school):
    school.execute(
        "INSERT INTO report_defs (site_id, slug, kind, cron, tz, formats)"
        " VALUES (:site, 'r', 'weekly_site', '0 7 * * 1', 'UTC', '{pdf}')",
        site=school.places.site_id,
    )
    for days in (399, 401):
        school.execute(
            "WITH run AS (INSERT INTO report_runs (report_id, period, due_at, status, finished_at)"
            " SELECT report_id, tstzrange(:at, NULL), :at, 'done', :at FROM report_defs"
            " RETURNING run_id)"
            " INSERT INTO report_files (run_id, name, media_type, sha256, content)"
            " SELECT run_id, 'a.pdf', 'application/pdf', 'x', 'x' FROM run",
            at=NOW - days * DAY,
        )
    assert keep_house(school.engine, NOW).retention.rows == {"report_files": 1}
    [left] = school.ask("SELECT finished_at FROM report_files JOIN report_runs USING (run_id)")
    assert left["finished_at"] == NOW - 399 * DAY
    assert len(school.ask("SELECT FROM report_runs")) == 2


def test_a_dry_run_tells_what_the_real_one_does_and_does_nothing(school):
    partitions_on(school, TODAY - 80 * DAY)
    school.hold(*(Lesson(TODAY - n * DAY, minutes=6) for n in (401, 402)))
    before = partitions(school)
    told = keep_house(school.engine, NOW + 2 * DAY, dry_run=True)
    assert partitions(school) == before
    assert len(school.ask("SELECT FROM meetings")) == 2
    done = keep_house(school.engine, NOW + 2 * DAY)
    assert told == done
    assert told.created
    assert told.retention.partitions
    assert told.retention.rows["meetings"] == 2
    again = keep_house(school.engine, NOW + 2 * DAY)
    assert (again.created, again.retention) == ([], RetentionReport())


def test_a_writer_passes_while_a_partition_waits_for_somebody_who_reads(school):
    partitions_on(school, TODAY - 46 * DAY)
    reader = school.engine.connect()
    reader.execute(text("SELECT count(*) FROM attention_windows"))
    waits = []

    def sleep(seconds):
        waits.append(seconds)
        with school.engine.begin() as writer:  # nothing stands in its way
            writer.execute(text("SET LOCAL lock_timeout = '100ms'"))
            writer.execute(text("LOCK TABLE attention_windows IN ROW EXCLUSIVE MODE"))
        if len(waits) == 2:
            reader.close()

    report = keep_house(school.engine, NOW, sleep=sleep)
    assert (len(report.retention.partitions), report.retention.postponed) == (1, [])
    assert len(waits) == 2


def test_a_partition_that_cannot_be_had_is_left_for_the_next_day(school, monkeypatch):
    monkeypatch.setattr("aggregator.history.retention.ATTEMPTS", 3)
    keep(school, camera_minutes_days=1)
    partitions_on(school, TODAY - 46 * DAY)
    waits = []
    with school.engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM attention_windows"))
        report = keep_house(school.engine, NOW, sleep=waits.append)
    assert report.retention.postponed == [f"attention_windows_p{TODAY - 46 * DAY:%Y%m%d}"]
    assert report.retention.partitions == ["camera_minutes_p202610"]
    assert len(waits) == 2
    assert keep_house(school.engine, NOW).retention.partitions == report.retention.postponed


def test_trouble_other_than_a_table_in_use_ends_the_work(school, monkeypatch):
    monkeypatch.setattr("aggregator.history.retention._LOCK_NOT_AVAILABLE", "53100")  # disk full
    partitions_on(school, TODAY - 46 * DAY)
    with school.engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM attention_windows"))
        with pytest.raises(OperationalError, match="lock timeout"):
            keep_house(school.engine, NOW)
    assert not keep_house(school.engine, NOW).is_busy  # and the next one is let in


def test_two_services_do_it_once(school):
    seen = []
    partitions_on(school, TODAY - 46 * DAY)
    with school.engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM attention_windows"))

        def sleep(_seconds):
            seen.append(keep_house(school.engine, NOW).is_busy)
            reader.rollback()

        report = keep_house(school.engine, NOW, sleep=sleep)
    assert (seen, len(report.retention.partitions)) == ([True], 1)
    assert not keep_house(school.engine, NOW).is_busy


def test_the_daily_work_needs_the_rights_of_maintenance_and_no_more(school):
    partitions_on(school, TODAY - 46 * DAY)
    school.hold(Lesson(TODAY - 401 * DAY, minutes=6))
    role = {"options": "-c role=facepose_maintenance"}
    engine = create_engine(make_url(school.url).update_query_dict(role))
    report = daily_upkeep(engine, school.site, NOW + 3 * DAY)
    assert report.created
    assert f"attention_windows_p{TODAY - 46 * DAY:%Y%m%d}" in report.retention.partitions
    assert report.retention.rows["meetings"] == 1
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_user")).scalar() == "facepose_maintenance"
    engine.dispose()
