"""A roster, a seating plan and consent become the students of a lesson's participations."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from aggregator.metrics import AggregatorMetrics
from aggregator.runner import build_aggregator
from aggregator.seated import READ_EVERY_S, SeatedBook, seated_students
from schemas.messages import RoomPlan, Tick, decode
from schemas.policy import PROFILES, resolve
from schemas.site import Site
from tests.integration.rostered_school import RosteredSchool
from tests.integration.running_rooms import LOG, School, a_future_minute, a_site
from tests.made_rosters import a_roster
from tests.unit import room_log

LESSONS_S = {"first": (0, 120), "second": (240, 360)}
CONSENT = (
    "INSERT INTO consents (student_id, purpose, granted, granted_by, notice_version, valid) "
    "VALUES (:student, :purpose, :granted, :by, '1', CAST(:valid AS tstzrange))"
)


def a_site_with_two_lessons(policy: str) -> Site:
    zone = f"Etc/GMT{room_log.START // 3600 % 24 - 12:+d}"  # it is noon there: no lesson ends late
    begin = dt.datetime.fromtimestamp(room_log.START, ZoneInfo(zone))
    rules = [
        {
            "id": name,
            "room": "room-1",
            "weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            "start": f"{begin + dt.timedelta(seconds=since):%H:%M}",
            "end": f"{begin + dt.timedelta(seconds=until):%H:%M}",
            "class": "4a",
        }
        for name, (since, until) in LESSONS_S.items()
    ]
    site = a_site(policy).model_dump(mode="json", by_alias=True)
    site["site"]["time_zone"] = zone
    return Site.model_validate({**site, "timetable": rules})


class Linked:
    """A running room and the roster of its class; six students sit in A1 … A6."""

    def __init__(self, database_url, valkey_server, folder, policy):
        site = a_site_with_two_lessons(policy)
        self.roster = RosteredSchool(database_url, folder, site)
        self.room = School(database_url, valkey_server, site)
        self.room.raw.flushdb()
        self.today = dt.datetime.fromtimestamp(room_log.START, site.time_zone).date()

    def enrol_and_seat(self):
        roster = a_roster()
        (term,) = roster.files["academicSessions"]
        term["startDate"] = f"{self.today - dt.timedelta(days=30)}"
        term["endDate"] = f"{self.today + dt.timedelta(days=300)}"
        self.roster.take(roster, dt.datetime.now(dt.UTC))
        begin = self.today - dt.timedelta(days=5)
        self.roster.seat([f"4a,room-1,A{i},pupil-{i},{begin}," for i in range(1, 7)])
        rows = self.roster.rows(
            "SELECT s.label, g.student_id FROM seating g JOIN seats s USING (seat_id)"
        )
        return dict(rows)

    def say(self, student, *, granted=True, by="guardian", purpose=2, since=None, until=None):
        """A word of consent; times in seconds since the log's start."""
        bounds = ["" if at is None else f"{_time(at)}" for at in (since, until)]
        with self.roster.engine.begin() as connection:
            connection.execute(
                text(CONSENT),
                {
                    "student": student,
                    "purpose": purpose,
                    "granted": granted,
                    "by": by,
                    "valid": f"[{bounds[0]},{bounds[1]})",
                },
            )

    def aggregator(self, monotonic):
        return build_aggregator(
            self.room.site,
            self.room.engine,
            self.room.client,
            AggregatorMetrics(CollectorRegistry()),
            "a",
            monotonic=monotonic,
        )

    def plans(self):
        messages = [decode(fields) for _, fields in self.room.raw.xrange(LOG)]
        return [message for message in messages if isinstance(message, RoomPlan)]

    def students_by_seat(self, lesson):
        """Who was seen in a lesson, by seat."""
        rows = self.roster.rows(
            "SELECT s.label, p.student_id FROM participations p JOIN meetings m USING (meeting_id) "
            f"JOIN seats s USING (seat_id) WHERE m.source_key LIKE 'site:{lesson}:%'"
        )
        return dict(rows)


def _time(seconds):
    return dt.datetime.fromtimestamp(room_log.START + seconds, dt.UTC).isoformat()


@pytest.fixture
def linked(database_url, valkey_server, tmp_path, monkeypatch, request):
    monkeypatch.setattr(room_log, "START", a_future_minute())
    made = Linked(database_url, valkey_server, tmp_path, request.param)
    yield made
    made.room.close()


@pytest.mark.parametrize("linked", ["standard"], indirect=True)
def test_a_lesson_is_of_the_students_who_consented_and_the_others_stay_pseudonymous_seats(linked):
    clock = [0.0]
    aggregator = linked.aggregator(lambda: clock[0])
    aggregator.step()
    assert [plan.seated for plan in linked.plans()] == [()]

    student = linked.enrol_and_seat()
    linked.say(student["A1"])
    linked.say(student["A2"], until=180)  # withdrawn between the lessons
    linked.say(student["A3"], purpose=3)
    linked.say(student["A4"])
    linked.say(student["A4"], granted=False, by="student", until=180)  # a veto, taken back
    linked.say(student["A5"], by="school_basis")  # is none in this profile
    aggregator.step()
    assert len(linked.plans()) == 1  # it is read anew about once a minute
    clock[0] += READ_EVERY_S
    aggregator.step()
    aggregator.step()
    assert [len(plan.seated) for plan in linked.plans()] == [0, 3]

    timed = room_log.timed_log(linked.plans()[-1], 370, room_log.classroom(), ends=True)[1:]
    linked.room.log(timed + [(372.0 + 5 * i, Tick(room_id="room-1")) for i in range(16)])
    linked.room.run(aggregator)
    first, second = (linked.students_by_seat(lesson) for lesson in LESSONS_S)
    assert len(first) == len(second) == 6
    assert {seat for seat in first if first[seat] == student[seat]} == {"A1", "A2"}
    assert {seat for seat in second if second[seat] == student[seat]} == {"A1", "A4"}
    for seat in ("A3", "A5", "A6"):  # the same pseudonymous student in both
        assert first[seat] == second[seat] not in student.values()
    assert len({*first.values(), *second.values()}) == 8
    summaries = linked.roster.rows("SELECT DISTINCT student_id FROM participation_summaries")
    assert {number for (number,) in summaries} == {*first.values(), *second.values()}


def periods(entries, student):
    return [(e.valid_from, e.valid_until) for e in entries if e.student_id == student]


@pytest.mark.parametrize("linked", ["demo"], indirect=True)
def test_the_plans_periods_are_those_of_the_databases_rule_in_every_profile(linked):
    student = linked.enrol_and_seat()
    linked.say(student["A1"], until=50.5)
    linked.say(student["A1"], since=100.5, by="student")
    linked.say(student["A2"])
    linked.say(student["A2"], granted=False, by="student", since=20, until=70)
    linked.say(student["A3"], by="school_basis", since=0)
    linked.say(student["A4"], by="both", since=30, until=31)
    linked.say(student["A5"], granted=False, until=60)
    now = dt.datetime.fromtimestamp(room_log.START, dt.UTC)
    held = 0
    with linked.roster.engine.connect() as connection:
        for profile in PROFILES:
            rules = resolve(profile)
            entries = seated_students(connection, "school", rules, now).get("room-1", ())
            for number in student.values():
                for at in (-9, 0, 20, 30, 31, 50, 51, 60, 70, 100, 101, 500):
                    second = room_log.START + at
                    linked_then = any(
                        since <= second and (until is None or second < until)
                        for since, until in periods(entries, number)
                    )
                    query = text("SELECT consent_holds(:student, 2::smallint, :profile, :at)")
                    values = {"student": number, "profile": profile, "at": _time(at)}
                    assert connection.execute(query, values).scalar_one() == linked_then
                    held += linked_then
    assert held > 100


@pytest.mark.parametrize("linked", ["demo"], indirect=True)
def test_who_leaves_the_class_is_linked_until_the_last_day(linked):
    student = linked.enrol_and_seat()
    ends = linked.today + dt.timedelta(days=1)
    with linked.roster.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE enrolments SET valid = daterange(lower(valid), :ends) WHERE student_id = :s"
            ),
            {"ends": ends, "s": student["A1"]},
        )
        zone = linked.room.site.time_zone
        now = dt.datetime.fromtimestamp(room_log.START, zone)
        entries = seated_students(connection, "school", resolve("demo"), now)["room-1"]
    midnight = dt.datetime.combine(ends, dt.time(), zone)
    assert [until for _, until in periods(entries, student["A1"])] == [int(midnight.timestamp())]
    assert next(until for _, until in periods(entries, student["A2"])) > midnight.timestamp()


@pytest.mark.parametrize("linked", ["eu"], indirect=True)
def test_where_policy_has_no_students_no_plan_names_one(linked):
    with linked.roster.engine.connect() as connection:
        assert seated_students(connection, "school", resolve("eu"), dt.datetime.now(dt.UTC)) == {}
    book = SeatedBook(linked.roster.engine, linked.room.site)
    assert (book.of_room("room-1"), book.take_news()) == ((), set())
