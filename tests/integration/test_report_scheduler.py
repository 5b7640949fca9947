"""Reports in time: made once, never skipped, after their lessons, whatever happened meanwhile."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from aggregator.reports import by_hand
from aggregator.reports.document import Report
from schemas.database import create_engine, upgrade
from tests.integration.fresh_database import fresh_database
from tests.integration.report_school import SYNCED, Clock, School, build, render, work

AMSTERDAM, NEW_YORK = "Europe/Amsterdam", "America/New_York"
DAILY = {"id": "daily", "kind": "daily_operations", "cron": "0 6 * * *", "recipients": ["out"]}
WEEKLY = {"id": "weekly", "kind": "weekly_site", "recipients": ["out"]}


@pytest.fixture(scope="module")
def engine(postgres_server: str) -> Iterator[Engine]:
    with fresh_database(postgres_server) as url:
        upgrade(url, now=SYNCED)
        engine = create_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def school(engine: Engine, tmp_path: Path) -> School:
    return School(engine, tmp_path, [DAILY])


def at(text: str, zone: str = AMSTERDAM) -> Clock:
    return Clock(dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)))


def days(*numbers: int, month: int = 3, report: str = "daily") -> list[tuple[str, str]]:
    return [(report, f"2026-{month:02}-{number:02}") for number in numbers]


def written(school: School) -> list[str]:
    return sorted(path.name for path in (school.folder / "out").glob("*"))


def test_a_new_report_begins_with_its_next_time_and_is_made_once(school: School):
    clock = at("2026-03-02T12:00")
    scheduler = school.scheduler(clock)
    assert work(scheduler) == 0
    assert school.runs("waiting") == days(2)
    clock.now = at("2026-03-03T06:00").now
    work(scheduler)
    work(school.scheduler(clock))
    assert school.runs() == days(2)
    assert school.runs("waiting") == days(3)
    assert written(school) == ["daily_2026-03-02_2026-03-02.pdf"]
    assert school.deliveries() == [("sent", 1, None)]


def test_three_days_down_are_made_up_for_in_order(school: School):
    clock = at("2026-03-02T12:00")
    work(school.scheduler(clock))
    clock.now = at("2026-03-05T18:00").now
    work(school.scheduler(clock))
    assert school.runs() == days(2, 3, 4)
    assert school.runs("waiting") == days(5)
    assert len(written(school)) == 3


def test_a_scheduler_that_ends_right_after_a_run_skips_nothing(school: School):
    """The next run is written down before the one that is due is made."""
    clock = at("2026-03-02T12:00")
    work(school.scheduler(clock))
    clock.now = at("2026-03-03T06:00").now
    school.scheduler(clock).step()
    clock.now = at("2026-03-06T06:00").now
    work(school.scheduler(clock))
    assert school.runs() == days(2, 3, 4, 5)


def test_very_long_ago_is_not_made_up_for_and_that_is_told(school: School):
    clock = at("2026-03-02T12:00")
    work(school.scheduler(clock))
    clock.now = at("2026-05-03T12:00").now
    work(school.scheduler(clock))
    assert len(school.runs()) == 1 + 31
    told = [payload for kind, payload in school.events() if kind == "report_runs_skipped"]
    assert told == [{"report": "daily", "runs": 30, "first": "2026-03-03", "last": "2026-04-01"}]


def test_a_report_that_was_switched_off_is_not_made_up_for(school: School):
    clock = at("2026-03-02T12:00")
    work(school.scheduler(clock))
    school.define([{**DAILY, "enabled": False}])
    clock.now = at("2026-03-10T12:00").now
    work(school.scheduler(clock))
    assert school.runs("waiting") == []
    school.define([DAILY])
    work(school.scheduler(clock))
    assert school.runs() == []
    assert school.runs("waiting") == days(10)


def test_a_scheduler_with_an_old_site_file_drops_nothing_that_is_new(
    engine: Engine, tmp_path: Path
):
    school = School(engine, tmp_path, [WEEKLY])
    clock = at("2026-03-02T12:00")
    old = school.scheduler(clock)
    school.define([WEEKLY, DAILY])
    work(school.scheduler(clock))
    clock.pass_(minutes=1)
    work(old)
    assert school.runs("waiting") == [*days(2), ("weekly", "2026-03-02")]


def test_a_report_due_at_another_time_skips_no_period(engine: Engine, tmp_path: Path):
    school = School(engine, tmp_path, [{**DAILY, "cron": "0 17 * * *"}])
    clock = at("2026-03-02T16:30")
    work(school.scheduler(clock))
    school.define([{**DAILY, "cron": "0 16 * * *"}])  # today's has just been missed
    work(school.scheduler(clock))
    assert school.runs() == days(1)
    assert school.runs("waiting") == days(2)
    clock.now = at("2026-03-03T16:00").now
    work(school.scheduler(clock))
    assert school.runs() == days(1, 2)


def test_a_later_time_of_the_same_day_moves_the_run(engine: Engine, tmp_path: Path):
    school = School(engine, tmp_path, [DAILY])
    clock = at("2026-03-03T05:00")
    work(school.scheduler(clock))
    school.define([{**DAILY, "cron": "0 9 * * *"}])
    clock.now = at("2026-03-03T05:30").now
    scheduler = school.scheduler(clock)
    work(scheduler)
    clock.now = at("2026-03-03T08:59").now
    work(scheduler)
    assert school.runs() == []
    clock.now = at("2026-03-03T09:00").now
    work(school.scheduler(clock))
    assert school.runs() == days(2)


@pytest.mark.parametrize(
    ("zone", "first", "lengths_h"),
    [
        (AMSTERDAM, "2026-03-28", [24, 23, 24]),
        (AMSTERDAM, "2026-10-24", [24, 25, 24]),
        (NEW_YORK, "2026-03-07", [24, 23, 24]),
        (NEW_YORK, "2026-10-31", [24, 25, 24]),
    ],
)
def test_days_on_which_the_clocks_change_are_reported_once_and_whole(
    engine: Engine, tmp_path: Path, zone: str, first: str, lengths_h: list[int]
):
    clock_time = "30 2" if zone == AMSTERDAM or first.startswith("2026-03") else "30 1"
    daily = {**DAILY, "cron": f"{clock_time} * * *"}
    school = School(engine, tmp_path, [daily], time_zone=zone)
    clock = at(f"{first}T03:30", zone)
    scheduler = school.scheduler(clock)
    while clock.now < at(f"{first}T03:30", zone).now + dt.timedelta(days=3, hours=2):
        work(scheduler)
        clock.pass_(minutes=90)
    start = dt.date.fromisoformat(first)
    assert school.runs() == [("daily", str(start + dt.timedelta(days=n))) for n in range(3)]
    lengths = school.ask(
        """SELECT extract(epoch FROM period_end - period_start)::int / 3600 FROM v_reports
           WHERE site = :site AND status = 'done' ORDER BY due_at"""
    )
    assert [hours for (hours,) in lengths] == lengths_h


LESSON = dt.datetime(2026, 3, 2, 23, 30, tzinfo=ZoneInfo(AMSTERDAM))


def test_a_run_waits_until_its_lessons_are_closed(school: School):
    clock = at("2026-03-02T12:00")
    scheduler = school.scheduler(clock)
    work(scheduler)
    school.hold_lesson(LESSON, status="running")
    clock.now = at("2026-03-03T06:10").now
    work(scheduler)
    assert school.runs() == []
    school.hold_lesson(LESSON, status="held")
    clock.pass_(seconds=11)
    work(scheduler)
    assert school.runs() == days(2)
    assert school.ask("SELECT left_out FROM v_reports WHERE site = :site AND left_out > 0") == []


def test_after_half_an_hour_a_run_is_made_and_names_what_is_missing(school: School):
    clock = at("2026-03-02T12:00")
    scheduler = school.scheduler(clock)
    work(scheduler)
    school.hold_lesson(LESSON, status="running")
    clock.now = at("2026-03-03T06:29").now
    work(scheduler)
    assert school.runs() == []
    clock.now = at("2026-03-03T06:30").now
    work(scheduler)
    [(left_out,)] = school.ask(
        """SELECT left_out FROM report_runs JOIN report_defs USING (report_id)
           JOIN sites s USING (site_id) WHERE s.slug = :site AND status = 'done'"""
    )
    assert left_out == ["room-1, 2026-03-02 23:30: not closed yet"]
    [path] = (school.folder / "out").iterdir()
    assert b"room-1, 2026-03-02 23:30: not closed yet" in path.read_bytes()


def test_another_day_s_open_lesson_is_not_waited_for(school: School):
    clock = at("2026-03-02T12:00")
    scheduler = school.scheduler(clock)
    work(scheduler)
    school.hold_lesson(dt.datetime(2026, 3, 3, 0, 0, tzinfo=ZoneInfo(AMSTERDAM)), status="running")
    clock.now = at("2026-03-03T06:00").now
    work(scheduler)
    assert school.runs() == days(2)


def test_a_lesson_that_the_timetable_promises_is_waited_for(engine: Engine, tmp_path: Path):
    """An aggregator that is behind has not written it yet."""
    rule = {
        "id": "maths",
        "room": "room-1",
        "weekdays": ["mon", "tue"],
        "start": "08:30",
        "end": "09:15",
        "class": "7b",
    }
    school = School(engine, tmp_path, [DAILY], timetable=[rule])
    clock = at("2026-03-02T12:00")
    scheduler = school.scheduler(clock)
    work(scheduler)
    clock.now = at("2026-03-03T06:00").now
    work(scheduler)
    assert school.runs() == []
    school.hold_lesson(dt.datetime(2026, 3, 2, 8, 30, tzinfo=ZoneInfo(AMSTERDAM)))
    clock.pass_(seconds=11)
    work(scheduler)
    assert school.runs() == days(2)
    clock.now = at("2026-03-04T06:30").now  # tuesday's lesson never comes
    work(scheduler)
    assert school.runs() == days(2, 3)
    [(left_out,)] = school.ask(
        """SELECT left_out FROM report_runs JOIN report_defs USING (report_id)
           JOIN sites s USING (site_id) WHERE s.slug = :site ORDER BY due_at OFFSET 1 LIMIT 1"""
    )
    assert left_out == ["room-1, 7b, 2026-03-03 08:30: not in the database yet"]


def test_a_new_score_version_makes_and_sends_nothing_of_the_past(school: School):
    clock = at("2026-03-02T12:00")
    work(school.scheduler(clock))
    clock.now = at("2026-03-03T06:00").now
    work(school.scheduler(clock))

    def newer(*args: Any) -> Report:
        raise AssertionError("nothing is to be made")

    clock.pass_(hours=5)
    work(school.scheduler(clock, build=newer))
    assert school.runs() == days(2)
    assert school.deliveries() == [("sent", 1, None)]


def test_what_was_made_by_hand_before_its_time_goes_out_when_it_is_due(school: School):
    clock = at("2026-03-03T05:00")
    scheduler = school.scheduler(clock)
    work(scheduler)
    asked = by_hand.asked_for(school.site, "daily", None, clock.now)
    by_hand.run_now(school.engine, school.site, scheduler, asked, clock.now)(False)
    clock.now = at("2026-03-03T05:59").now
    work(scheduler)
    assert (school.runs(), written(school)) == (days(2), [])
    clock.now = at("2026-03-03T06:00").now
    work(scheduler)
    assert written(school) == ["daily_2026-03-02_2026-03-02.pdf"]
    assert school.runs("waiting") == days(3)


def test_a_report_that_cannot_be_made_holds_up_no_other_and_is_told(engine: Engine, tmp_path: Path):
    school = School(engine, tmp_path, [DAILY, WEEKLY])
    clock = at("2026-03-01T12:00")
    work(school.scheduler(clock))
    clock.now = at("2026-03-02T06:00").now

    def broken(connection: Any, definition: Any, period: Any, site: Any) -> Report:
        if definition.kind == "daily_operations":
            raise ZeroDivisionError("no lesson")
        return build(connection, definition, period, site)

    for _ in range(5):
        work(school.scheduler(clock, build=broken))
        school.ask(
            """UPDATE report_runs SET until = NULL
               WHERE report_id IN (SELECT report_id FROM report_defs JOIN sites s USING (site_id)
                                   WHERE s.slug = :site)"""
        )  # the pauses between the attempts, by the database's clock
    assert school.runs() == [("weekly", "2026-02-23")]
    assert school.runs("failed") == [("daily", "2026-03-01")]
    assert ("report_failed", "ZeroDivisionError: no lesson") in [
        (kind, payload["reason"]) for kind, payload in school.events()
    ]
    clock.now = at("2026-03-03T06:00").now
    work(school.scheduler(clock))
    assert ("daily", "2026-03-02") in school.runs()


def test_a_term_s_report_comes_once_after_its_end(engine: Engine, tmp_path: Path):
    term = {
        "id": "term",
        "kind": "term",
        "recipients": ["out"],
        "terms": [
            {"name": "winter", "from": "2026-01-05", "until": "2026-03-06"},
            {"name": "spring", "from": "2026-03-09", "until": "2026-06-26"},
        ],
    }
    school = School(engine, tmp_path, [term])
    clock = at("2026-03-02T12:00")
    scheduler = school.scheduler(clock)
    for _ in range(10):
        work(scheduler)
        clock.pass_(days=1)
    assert school.runs() == [("term", "2026-01-05")]
    assert school.runs("waiting") == [("term", "2026-03-09")]


def test_the_renderer_gets_the_formats_that_were_asked_for(engine: Engine, tmp_path: Path):
    school = School(engine, tmp_path, [{**DAILY, "formats": ["pdf", "csv"]}])
    clock = at("2026-03-02T12:00")
    work(school.scheduler(clock, render=render))
    clock.now = at("2026-03-03T06:00").now
    work(school.scheduler(clock, render=render))
    assert [name.rpartition(".")[2] for name in written(school)] == ["csv", "pdf"]
