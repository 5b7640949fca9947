"""The days that a report is about, and when it is due, also when the clocks change."""

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.reports.document import Period
from aggregator.reports.errors import PeriodError
from aggregator.reports.periods import (
    bounds,
    due_between,
    due_runs,
    due_times,
    label,
    last_whole,
    parse_period,
)
from schemas.site_reports import ReportDefinition

AMSTERDAM, NEW_YORK = "Europe/Amsterdam", "America/New_York"
ZONES = [AMSTERDAM, NEW_YORK, "UTC", "Australia/Lord_Howe", "America/Havana", "Asia/Kathmandu"]
HOUR = dt.timedelta(hours=1)
TERMS = [
    {"name": "autumn", "from": "2026-08-24", "until": "2026-12-18"},
    {"name": "winter", "from": "2027-01-04", "until": "2027-02-19"},
]


def a_report(kind: str = "daily_operations", **values: object) -> ReportDefinition:
    extra = {"weekly_class": {"class": "7b"}, "term": {"terms": TERMS}}.get(kind, {})
    return ReportDefinition.model_validate({"id": "r", "kind": kind, **extra, **values})


def at(text: str, zone: str = "UTC", fold: int = 0) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


def days(period: Period) -> tuple[str, str]:
    return period.first.isoformat(), period.last.isoformat()


@pytest.mark.parametrize(
    ("kind", "first", "last", "name"),
    [
        ("daily_operations", "2026-03-29", "2026-03-29", "2026-03-29"),
        ("weekly_site", "2026-03-23", "2026-03-29", "2026-W13"),
        ("weekly_class", "2026-03-23", "2026-03-29", "2026-W13"),
        ("monthly", "2026-02-01", "2026-02-28", "2026-02"),
    ],
)
def test_a_run_reports_on_the_last_whole_period(kind: str, first: str, last: str, name: str):
    period = last_whole(a_report(kind), AMSTERDAM, at("2026-03-30T06:00", AMSTERDAM))
    assert days(period) == (first, last)
    assert label(a_report(kind), period) == name
    assert parse_period(a_report(kind), name, AMSTERDAM) == period


def test_the_local_day_decides_and_not_the_utc_day():
    late = at("2026-03-02T23:30")  # already the third in Amsterdam, still the second in New York
    assert days(last_whole(a_report(), AMSTERDAM, late)) == ("2026-03-02", "2026-03-02")
    assert days(last_whole(a_report(), NEW_YORK, late)) == ("2026-03-01", "2026-03-01")


def test_a_term_is_due_at_the_first_time_after_its_end():
    report = a_report("term")
    runs = due_between(report, AMSTERDAM, at("2026-08-01T00:00"), at("2028-01-01T00:00"))
    assert [(label(report, run.period), run.due_at) for run in runs] == [
        ("autumn", at("2026-12-19T05:00")),
        ("winter", at("2027-02-20T05:00")),
    ]
    assert parse_period(report, "winter", AMSTERDAM) == runs[1].period


def test_before_a_term_is_over_there_is_nothing_to_report():
    with pytest.raises(PeriodError, match="none of its terms is over"):
        last_whole(a_report("term"), AMSTERDAM, at("2026-12-18T12:00"))


@pytest.mark.parametrize("text", ["2026-13-01", "2026-W60", "yesterday", "2026-W12-1", "9999-W53"])
@pytest.mark.parametrize("kind", ["daily_operations", "weekly_site", "monthly", "term"])
def test_a_period_that_is_none_is_told_with_an_example(kind: str, text: str):
    with pytest.raises(PeriodError, match="write it like"):
        parse_period(a_report(kind), text, AMSTERDAM)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (AMSTERDAM, "2026-03-29", 23),
        (AMSTERDAM, "2026-10-25", 25),
        (NEW_YORK, "2026-03-08", 23),
        (NEW_YORK, "2026-11-01", 25),
        (AMSTERDAM, "2026-06-01", 24),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),  # half an hour
    ],
)
def test_a_day_is_as_long_as_the_clocks_make_it(zone: str, day: str, hours: float):
    begin, end = bounds(parse_period(a_report(), day, zone))
    assert end - begin == hours * HOUR


@pytest.mark.parametrize(
    ("zone", "day", "clock", "due"),
    [
        (AMSTERDAM, "2026-03-29", "30 2", "2026-03-29T01:00"),  # skipped: at 03:00, as they go on
        (NEW_YORK, "2026-03-08", "30 2", "2026-03-08T07:00"),
        (AMSTERDAM, "2026-10-25", "30 2", "2026-10-25T00:30"),  # shown twice: the first
        (NEW_YORK, "2026-11-01", "30 1", "2026-11-01T05:30"),
    ],
)
def test_a_time_that_is_skipped_or_shown_twice_is_due_once(
    zone: str, day: str, clock: str, due: str
):
    midnight = at(f"{day}T00:00", zone).astimezone(dt.UTC)
    times = due_times(f"{clock} * * *", ZoneInfo(zone), midnight)
    first, second = next(times), next(times)
    assert first == at(due)
    assert second.astimezone(ZoneInfo(zone)).date() > dt.date.fromisoformat(day)


@pytest.mark.parametrize("minute", ["02:15", "02:45"])
def test_in_the_doubled_hour_what_was_due_is_not_due_again(minute: str):
    second_showing = at(f"2026-10-25T{minute}", AMSTERDAM, fold=1).astimezone(dt.UTC)
    following = next(due_times("30 2 * * *", ZoneInfo(AMSTERDAM), second_showing))
    assert following == at("2026-10-26T01:30")


@st.composite
def spans(draw: st.DrawFn) -> list[dt.datetime]:
    """Moments at which a scheduler looks, the first one to begin with."""
    begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(
        minutes=draw(st.integers(0, 365 * 1440))
    )
    steps = draw(st.lists(st.integers(1, 5 * 1440), min_size=1, max_size=12))
    moments = [begin]
    for step in steps:
        moments.append(moments[-1] + dt.timedelta(minutes=step))
    return moments


KINDS = st.sampled_from(["daily_operations", "weekly_site", "monthly", "term"])


@given(
    moments=spans(),
    zone=st.sampled_from(ZONES),
    kind=KINDS,
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
)
def test_however_often_a_scheduler_looks_no_run_is_skipped_and_none_comes_twice(
    moments: list[dt.datetime], zone: str, kind: str, hour: int, minute: int
):
    days_of_cron = {"weekly_site": "* * 1", "monthly": "1 * *"}.get(kind, "* * *")
    report = a_report(kind, cron=f"{minute} {hour} {days_of_cron}")
    seen = [
        run
        for earlier, later in pairwise(moments)
        for run in due_between(report, zone, earlier, later)
    ]
    assert seen == due_between(report, zone, moments[0], moments[-1])
    assert len({run.period.first for run in seen}) == len(seen)
    for run in seen:
        assert bounds(run.period)[1] <= run.due_at
    if kind != "term":
        for earlier, later in pairwise(seen):
            assert later.period.first == earlier.period.last + dt.timedelta(days=1)


@given(
    day=st.integers(0, 3 * 365),
    zone=st.sampled_from(ZONES),
    hour=st.integers(0, 23),
    minute=st.integers(0, 59),
)
def test_every_local_day_has_one_due_time_on_it(day: int, zone: str, hour: int, minute: int):
    local = dt.date(2026, 1, 1) + dt.timedelta(days=day)
    begin, end = bounds(Period(first=local, last=local, time_zone=zone))
    report = a_report(cron=f"{minute} {hour} * * *")
    runs = due_between(report, zone, begin - dt.timedelta(seconds=1), end - dt.timedelta(seconds=1))
    assert len(runs) == 1
    assert runs[0].period.last == local - dt.timedelta(days=1)


def test_by_default_a_daily_report_comes_in_the_mornings_after_school_days():
    runs = due_runs(a_report(), AMSTERDAM, at("2026-03-01T00:00"))
    assert [next(runs).period.last.isoweekday() for _ in range(7)] == [1, 2, 3, 4, 5, 1, 2]
