"""Lessons of calendars and what classes do, from plans and commands to the tables."""

from __future__ import annotations

import datetime as dt
import io
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from rich.console import Console

from aggregator.metrics import AggregatorMetrics
from aggregator.runner import build_aggregator
from deploy.activity_command import parse_time, say_activity, show_activity
from schemas.calendars.book import CalendarBook
from schemas.errors import SettingsError
from schemas.messages import RoomPlan, Tick, decode_room_message
from schemas.room_plan import Occurrence
from schemas.settings import Settings
from schemas.site import Site
from schemas.sync import sync_site
from tests.integration.running_rooms import LOG, SINCE, School, a_future_minute, a_site
from tests.unit import room_log

ZONE = ZoneInfo("Europe/Amsterdam")


@pytest.fixture(autouse=True)
def _start(monkeypatch):
    monkeypatch.setattr(room_log, "START", a_future_minute())


@pytest.fixture
def school(database_url, redis_url):
    school = School(database_url, redis_url, a_site())
    yield school
    school.close()


def utc(second):
    return dt.datetime.fromtimestamp(second, dt.UTC)


def lesson(key, first_s, last_s, class_id="9z"):
    start = room_log.START + first_s
    return Occurrence(
        source_key=f"ical:{key}:{utc(start):%Y-%m-%dT%H:%M:%SZ}",
        start=start,
        end=room_log.START + last_s,
        class_id=class_id,
        activity="lecture",
    )


def with_lessons(plan, *lessons, at_s=0):
    at = (room_log.START + at_s) * room_log.NS
    return structs.replace(plan, at=at, occurrences=lessons, follows_calendar=True)


def a_morning(school):
    """Two lessons that overlap, of which the first is then shortened, and a third one."""
    one, two, three = lesson("one", 20, 100), lesson("two", 80, 140), lesson("three", 140, 170)
    plan = with_lessons(school.plan, one, three)
    timed = room_log.timed_log(plan, 190, room_log.classroom(2))
    shorter = structs.replace(one, end=room_log.START + 60)
    between = with_lessons(school.plan, shorter, lesson("two", 70, 140), three, at_s=50)
    timed = [*timed, (49.0, between)]
    assert two.start > one.start
    return sorted([*timed, (200.0, Tick(room_id="room-1"))], key=lambda pair: pair[0])


def meetings(school):
    columns = "ical_uid, recurrence_id, planned, actual, status, c.slug"
    table = "meetings JOIN classes c USING (class_id)"
    rows = school.rows(table, f"lower(actual), {columns}")
    return [
        (uid, rid, planned.lower, planned.upper, actual.upper, status, slug)
        for _, uid, rid, planned, actual, status, slug in rows
    ]


@pytest.mark.parametrize("parts", [1, 30])
def test_lessons_of_a_calendar_are_the_same_rows_whatever_the_batches(school, parts):
    timed = a_morning(school)
    aggregator = school.aggregator("a")
    aggregator.step()  # its own plan, of the site file, comes before ours
    size = len(timed) // parts + 1
    for first in range(0, len(timed), size):
        school.log(timed[first : first + size])
        school.run(aggregator)
    start = room_log.START
    at = [utc(start + s) for s in range(200)]
    assert meetings(school) == [
        ("one", at[20], at[20], at[60], at[60], "held", "9z"),
        ("two", at[70], at[70], at[140], at[140], "held", "9z"),
        ("three", at[140], at[140], at[170], at[170], "held", "9z"),
    ]
    during = "lower(during), upper(during), activity, source"
    assert school.rows("meeting_activities", during) == [
        (at[20], at[60], "lecture", "timetable"),
        (at[70], at[140], "lecture", "timetable"),
        (at[140], at[170], "lecture", "timetable"),
    ]


def test_two_lessons_at_one_time_in_the_table_lose_neither(school):
    """The plan that the second follows came after the first had been written."""
    one, two = lesson("one", 20, 120), lesson("two", 60, 120)
    timed = room_log.timed_log(with_lessons(school.plan, one), 140, room_log.classroom(2))
    late = with_lessons(school.plan, one, two, at_s=60)
    aggregator = school.aggregator("a")
    aggregator.step()
    school.log(sorted([*timed, (59.0, late)], key=lambda pair: pair[0]))
    school.run(aggregator)
    assert [(row[0], row[5]) for row in meetings(school)] == [("one", "held"), ("two", "held")]


def calendar_of(*hours):
    day = dt.datetime.now(dt.UTC).date()
    events = [
        f"BEGIN:VEVENT\nUID:h{hour}\nDTSTART:{day:%Y%m%d}T{hour:02}0000Z\nDURATION:PT45M\nEND:VEVENT"
        for hour in hours
    ]
    return "\n".join(["BEGIN:VCALENDAR", *events, "END:VCALENDAR"])


def plans(school):
    entries = school.raw.xrange(LOG)
    messages = [decode_room_message(fields) for _, fields in entries]
    return [message for message in messages if isinstance(message, RoomPlan)]


def book_of(site, folder):
    noon = dt.datetime.now(dt.UTC).replace(hour=12).timestamp()
    book = CalendarBook(site, folder, lambda: noon)
    book.look(settled=True)
    return book


def aggregator_of(site, school, book):
    metrics = AggregatorMetrics(CollectorRegistry())
    return build_aggregator(site, school.engine, school.client, metrics, "a", calendars=book)


def test_a_running_room_gets_a_new_plan_when_its_calendar_changed_and_only_then(school, tmp_path):
    file = tmp_path / "room.ics"
    file.write_text(calendar_of(8))
    described = school.site.model_dump(by_alias=True, mode="json", exclude_none=True)
    described["calendars"] = [{"path": "room.ics", "room": "room-1"}]
    site = Site.model_validate({**described, "policy": "demo"})
    book = book_of(site, tmp_path)
    aggregator = aggregator_of(site, school, book)
    for _ in range(3):
        aggregator.step()
    assert [len(plan.occurrences) for plan in plans(school)] == [1]
    for _ in range(2):
        book.look()
    aggregator.step()
    assert len(plans(school)) == 1
    file.write_text(calendar_of(8, 10))
    for _ in range(2):
        book.look()
    for _ in range(3):
        aggregator.step()
    first, second = plans(school)
    assert [o.source_key[:7] for o in second.occurrences] == ["ical:h8", "ical:h1"]
    assert first.follows_calendar
    assert second.at > first.at
    aggregator.finish()
    file.write_text("this is none any more")  # and the machine starts anew
    successor = aggregator_of(site, school, book_of(site, tmp_path))
    for _ in range(3):
        successor.step()
    assert len(plans(school)) == 2


def test_a_sync_leaves_the_classes_that_only_a_calendar_names(school):
    aggregator = school.aggregator("a")
    aggregator.step()
    school.log(a_morning(school))
    school.run(aggregator)
    described = school.site.model_dump(by_alias=True, mode="json", exclude_none=True)
    described |= {"policy": "demo", "calendars": [{"path": "room.ics", "room": "room-1"}]}
    assert sync_site(school.engine, Site.model_validate(described), at=SINCE).is_empty
    assert school.rows("classes", "slug, enabled") == [("9z", True)]


class Commands:
    """`facepose activity` against the servers of a school."""

    def __init__(self, school, redis_url):
        plain = school.database_url.replace("+psycopg", "")
        self.settings = Settings(DATABASE_URL=SecretStr(plain), REDIS_URL=SecretStr(redis_url))
        self.site = school.site
        self.console = Console(file=io.StringIO(), width=200)

    def say(self, activity, at_s, room="room-1"):
        at = dt.datetime.fromtimestamp(room_log.START + at_s, ZONE).isoformat()
        say_activity(self.site, self.settings, room, activity, at, self.console)

    def show(self):
        self.console.file = io.StringIO()
        show_activity(self.site, self.settings, "room-1", self.console)
        return self.console.file.getvalue()


def test_what_is_said_on_the_command_line_stands_in_the_tables_until_the_lesson_is_over(
    school, redis_url
):
    commands = Commands(school, redis_url)
    plan = with_lessons(school.plan, lesson("one", 20, 90, "7b"), lesson("two", 90, 120, "7b"))
    timed = room_log.timed_log(plan, 140, room_log.classroom(2))
    aggregator = school.aggregator("a")
    aggregator.step()
    school.log([pair for pair in timed if pair[0] < 45])
    assert "lecture since" in commands.show()
    commands.say("seatwork", 60)
    clock = dt.datetime.fromtimestamp(room_log.START + 60, ZONE)
    assert f"seatwork from {clock:%H:%M:%S} on" in commands.show()
    school.log([pair for pair in timed if 45 <= pair[0] < 80])
    shown = commands.show()
    assert f"Room room-1: seatwork since {clock:%H:%M:%S} (manual), in the lesson of 7b" in shown
    school.log([pair for pair in timed if pair[0] >= 80])
    school.run(aggregator)
    assert "No lesson is held in room room-1." in commands.show()
    start = room_log.START
    during = "lower(during), upper(during), activity, source"
    assert school.rows("meeting_activities", during) == [
        (utc(start + 20), utc(start + 60), "lecture", "timetable"),
        (utc(start + 60), utc(start + 90), "seatwork", "manual"),
        (utc(start + 90), utc(start + 120), "lecture", "timetable"),
    ]


def test_a_room_that_is_not_there_is_refused_with_those_that_are(school, redis_url):
    with pytest.raises(SettingsError, match="no room 'attic' in this site; its rooms are room-1"):
        Commands(school, redis_url).say("seatwork", 0, room="attic")


NOW = dt.datetime(2026, 11, 18, 10, 30, 20, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10:30", "10:30:00"),
        ("10:45", "10:45:00"),
        ("10:45:30", "10:45:30"),
        ("2026-11-18T11:00", "11:00:00"),
        ("2026-11-18 11:00", "11:00:00"),
        ("2026-11-18T10:00+00:00", "11:00:00"),
    ],
)
def test_times_are_local_and_of_today(text, expected):
    at = parse_time(text, int(NOW.timestamp()) * room_log.NS, ZONE)
    assert dt.datetime.fromtimestamp(at / room_log.NS, ZONE).strftime("%H:%M:%S") == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("soon", "is no time; write 10:30"),
        ("25:00", "is no time"),
        ("2026-11-18", "is no time"),
        ("09:00", r"is over \(it is 10:30:20\)"),
        ("2026-11-19T10:00", "more than 12 hours ahead"),
    ],
)
def test_times_that_make_no_sense_are_refused(text, reason):
    with pytest.raises(SettingsError, match=reason):
        parse_time(text, int(NOW.timestamp()) * room_log.NS, ZONE)
