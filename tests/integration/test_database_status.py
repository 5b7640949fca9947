"""`facepose db status` says what needs doing, and the commands that it names do it."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from typer.testing import CliRunner

from aggregator.history.status import days_ahead, read_status
from aggregator.history.upkeep import keep_house
from deploy.cli import app
from schemas.database import create_engine
from schemas.partitions import Partition
from tests.integration.fresh_database import fresh_database
from tests.integration.school_history import SYNCED, Lesson, SchoolHistory

TODAY = SYNCED.date()
DAY = dt.timedelta(days=1)


@pytest.fixture(scope="module")
def school(postgres_server):
    with fresh_database(postgres_server) as url:
        school = SchoolHistory(url)
        school.url = url
        yield school
        school.close()


@pytest.fixture
def facepose(school, monkeypatch):
    """Runs `facepose db …` on the school's database: exit status and output."""
    monkeypatch.setenv("DATABASE_URL", school.url)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        result = CliRunner().invoke(app, ["db", *arguments], catch_exceptions=False)
        return result.exit_code, result.output

    return run


def test_a_database_that_is_looked_after_has_nothing_to_do(school):
    status = read_status(school.engine, SYNCED + 11 * DAY)
    assert status.to_do == []
    assert status.migration == status.newest_migration
    assert set(status.roles.values()) == {True}
    tables = {table.name: table for table in status.tables}
    assert {"identities", "meetings", "attention_windows"} <= set(tables)
    windows = tables["attention_windows"]
    assert (windows.partitions, windows.days_ahead, windows.oldest) == (15, 3, TODAY)
    assert windows.keep_days == 45
    assert windows.size_bytes > 0
    assert tables["seats"].days_ahead is None


def test_too_few_partitions_ahead_are_told_before_rows_are_refused(school):
    status = read_status(school.engine, SYNCED + 12 * DAY)
    [sentence] = status.to_do
    assert sentence.startswith("fewer than 3 days ahead have a partition in attention_windows:")
    beyond = read_status(school.engine, SYNCED + 40 * DAY)
    assert {t.name: t.days_ahead for t in beyond.tables}["camera_minutes"] == -1


def test_partitions_that_nobody_dropped_are_told_after_two_days(school):
    late = SYNCED + (45 + 1 + 2) * DAY
    assert read_status(school.engine, late - DAY).expired == []
    assert read_status(school.engine, late).expired == [f"attention_windows_p{TODAY:%Y%m%d}"]


def test_a_missing_role_is_told(school, monkeypatch):
    monkeypatch.setattr("aggregator.history.status.ROLES", ("facepose_writer", "facepose_nobody"))
    status = read_status(school.engine, SYNCED)
    assert status.roles == {"facepose_writer": True, "facepose_nobody": False}
    assert "roles facepose_nobody are missing" in status.to_do[-1]


def test_a_database_without_tables_only_needs_the_migration(postgres_server):
    with fresh_database(postgres_server) as url:
        status = read_status(create_engine(url, pooled=False), SYNCED)
    assert status.migration is None
    assert status.tables == []
    [sentence] = status.to_do
    assert "run `facepose db upgrade`" in sentence


def test_days_are_counted_up_to_the_first_gap():
    def of(*days):
        return [Partition("t", f"t{n}", TODAY + n * DAY, TODAY + (n + 1) * DAY) for n in days]

    assert days_ahead([], TODAY) == -1
    assert days_ahead(of(1, 2), TODAY) == -1
    assert days_ahead(of(2, 0, 1, 4), TODAY) == 2
    month = Partition("t", "m", TODAY.replace(day=1), TODAY.replace(day=1) + 31 * DAY)
    assert days_ahead([month], TODAY) == (month.end - TODAY).days - 1


def test_what_status_asks_for_is_done_by_the_commands_that_it_names(school, facepose):
    """From a database that nobody looked after for months to one with nothing to do."""
    code, output = facepose("status")
    assert code == 1
    assert "To do: fewer than 3 days ahead" in output
    assert "partitions are older than they are kept" in output
    code, told = facepose("retention", "--dry-run")
    assert code == 0
    assert "would be dropped" in told
    assert facepose("status")[0] == 1
    code, done = facepose("retention")
    assert (code, done) == (0, told.replace("would be ", ""))
    assert facepose("retention") == (
        0,
        "There is nothing to do: partitions are ready, and nothing is too old.\n",
    )
    code, output = facepose("status", "--json")
    status = json.loads(output)
    assert (code, status["to_do"], status["expired"]) == (0, [], [])
    assert min(t["days_ahead"] for t in status["tables"] if t["days_ahead"] is not None) == 14
    assert facepose("status")[1].endswith("Nothing to do.\n")


def test_wrong_curves_are_told_and_made_again(school, facepose):
    now = dt.datetime.now(dt.UTC)
    keep_house(school.engine, now)
    yesterday = now.astimezone(school.zone).date() - DAY
    school.hold(Lesson(yesterday, minutes=6))
    assert facepose("status")[0] == 0
    school.execute("UPDATE site_day_curves SET n_lessons = 7")
    code, output = facepose("status")
    assert code == 1
    assert f"the daily curves of school {yesterday} are not what the class minutes say" in output
    code, output = facepose("rollup", "--dry-run")
    assert output == f"1 of 1 days would be made again: school {yesterday}.\n"
    code, output = facepose("rollup", "--since", str(yesterday + DAY))
    assert (code, output) == (0, "0 days: every curve is what the class minutes say.\n")
    assert facepose("rollup")[1] == f"1 of 1 days made again: school {yesterday}.\n"
    code, output = facepose("rollup", "--json")
    assert json.loads(output) == {"days": 1, "without_minutes": 0, "corrected": []}
    assert facepose("status")[0] == 0


def test_a_day_that_is_none_is_refused_with_an_example(facepose):
    with pytest.raises(Exception, match="'sunday' is not a day; write it like 2026-09-01"):
        facepose("rollup", "--since", "sunday")
