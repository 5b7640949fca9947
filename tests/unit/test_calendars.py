"""iCalendar files: what series, exceptions, zones and hostile rules become."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.calendars import files
from schemas.calendars.events import read_events
from schemas.calendars.lessons import class_slug, lessons_of, merged, planned_days
from schemas.calendars.rules import MAX_TIMES_A_DAY
from schemas.errors import CalendarError
from schemas.site import CalendarFile

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
BEGIN = dt.datetime(2026, 10, 18, tzinfo=dt.UTC)
END = dt.datetime(2026, 11, 10, tzinfo=dt.UTC)
SERIES = (
    "UID:maths",
    "DTSTART;TZID=Europe/Amsterdam:20261019T083000",  # the clocks change on the 25th
    "DTEND;TZID=Europe/Amsterdam:20261019T092000",
    "RRULE:FREQ=WEEKLY;BYDAY=MO",
)
WEEKS = ["10-19 06:30", "10-26 07:30", "11-02 07:30", "11-09 07:30"]
OWN_ZONE = """\
BEGIN:VTIMEZONE
TZID:School Time
BEGIN:DAYLIGHT
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
BEGIN:STANDARD
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
END:VTIMEZONE"""


def event(*lines: str) -> str:
    return "\n".join(["BEGIN:VEVENT", "DTSTAMP:20260901T000000Z", *lines, "END:VEVENT"])


def change(original: str, *lines: str) -> str:
    return event("UID:maths", f"RECURRENCE-ID{original}", *lines)


def calendar(*parts: str) -> str:
    text = "\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//y", *parts, "END:VCALENDAR"])
    return text.replace("\n", "\r\n") + "\r\n"


class Reading:
    """Files of one test, read as the aggregator does."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "room.ics"

    def __call__(self, *parts: str, **site: str):
        return self.raw(calendar(*parts).encode(), **site)

    def raw(self, data: bytes, **site: str):
        self.path.write_bytes(data)
        events = read_events(self.path, AMSTERDAM)
        described = CalendarFile(path="room.ics", room="r1", **site)
        begin, end = int(BEGIN.timestamp()), int(END.timestamp())
        return lessons_of(described, self.path, events, begin, end)


@pytest.fixture
def read(tmp_path: Path) -> Reading:
    return Reading(tmp_path)


def utc(second: int) -> str:
    return dt.datetime.fromtimestamp(second, dt.UTC).strftime("%m-%d %H:%M")


def starts(lessons) -> list[str]:
    return [utc(o.start) for o in lessons.occurrences]


def keys(lessons) -> list[str]:
    """When each lesson was first to begin."""
    return [
        o.source_key.removeprefix("ical:maths:2026-")[:11].replace("T", " ")
        for o in lessons.occurrences
    ]


def test_a_weekly_series_keeps_its_local_time_over_a_change_of_the_clocks(read):
    lessons = read(event(*SERIES))
    assert starts(lessons) == keys(lessons) == WEEKS
    assert {o.end - o.start for o in lessons.occurrences} == {50 * 60}
    assert lessons.occurrences[0].source_key == "ical:maths:2026-10-19T06:30:00Z"


@pytest.mark.parametrize(
    "exception",
    [
        "EXDATE;TZID=Europe/Amsterdam:20261026T083000",
        "EXDATE:20261026T073000Z",
        "EXDATE;VALUE=DATE:20261026",
        "EXDATE:20261013T073000Z,20261026T073000Z",
    ],
)
def test_a_date_that_is_left_out_has_no_lesson(read, exception):
    assert starts(read(event(*SERIES, exception))) == [WEEKS[0], *WEEKS[2:]]


@pytest.mark.parametrize(
    "original",
    [";TZID=Europe/Amsterdam:20261026T083000", ":20261026T073000Z", ";VALUE=DATE:20261026"],
)
def test_an_instance_that_is_moved_keeps_its_key(read, original):
    moved = change(
        original,
        "DTSTART;TZID=Europe/Amsterdam:20261027T100000",
        "DTEND;TZID=Europe/Amsterdam:20261027T104500",
    )
    for parts in ([event(*SERIES), moved], [moved, event(*SERIES)]):
        lessons = read(*parts)
        assert starts(lessons) == [WEEKS[0], "10-27 09:00", *WEEKS[2:]]
        assert keys(lessons) == WEEKS
        assert lessons.occurrences[1].end - lessons.occurrences[1].start == 45 * 60


def test_an_instance_that_is_moved_here_from_long_ago_is_found(read):
    old = event(
        "UID:maths",
        "DTSTART:20260901T080000Z",
        "DURATION:PT50M",
        "RRULE:FREQ=WEEKLY;UNTIL=20260930T000000Z",
    )
    moved = change(":20260908T080000Z", "DTSTART:20261027T090000Z", "DURATION:PT50M")
    lessons = read(old, moved)
    assert starts(lessons) == ["10-27 09:00"]
    assert keys(lessons) == ["09-08 08:00"]


def test_a_cancelled_instance_and_a_cancelled_series_are_not_held(read):
    off = change(":20261026T073000Z", "DTSTART:20261026T073000Z", "STATUS:CANCELLED")
    assert starts(read(event(*SERIES), off)) == [WEEKS[0], *WEEKS[2:]]
    assert starts(read(event(*SERIES, "STATUS:CANCELLED"))) == []


def test_an_instance_that_became_a_whole_day_is_no_lesson(read):
    day = change(":20261026T073000Z", "DTSTART;VALUE=DATE:20261026")
    assert starts(read(event(*SERIES), day)) == [WEEKS[0], *WEEKS[2:]]


def test_this_and_all_later_instances_move_together_and_keep_their_keys(read):
    later = change(
        ";RANGE=THISANDFUTURE;TZID=Europe/Amsterdam:20261026T083000",
        "DTSTART;TZID=Europe/Amsterdam:20261026T100000",
        "DTEND;TZID=Europe/Amsterdam:20261026T105000",
    )
    lessons = read(event(*SERIES), later)
    assert starts(lessons) == [WEEKS[0], "10-26 09:00", "11-02 09:00", "11-09 09:00"]
    assert keys(lessons) == WEEKS


def test_a_further_date_is_held_too(read):
    lessons = read(event(*SERIES, "RDATE;TZID=Europe/Amsterdam:20261028T083000"))
    assert starts(lessons) == [*WEEKS[:2], "10-28 07:30", *WEEKS[2:]]


@pytest.mark.parametrize(
    ("rule", "n"),
    [
        ("FREQ=WEEKLY;UNTIL=20261026T073000Z", 2),
        ("FREQ=WEEKLY;UNTIL=20261026T072959Z", 1),
        ("FREQ=WEEKLY;UNTIL=20261026", 2),  # a day is meant to its end
        ("FREQ=WEEKLY;COUNT=3", 3),
        ("FREQ=WEEKLY;INTERVAL=2", 2),
        ("FREQ=DAILY;BYDAY=MO,WE;COUNT=4", 4),
        ("FREQ=MONTHLY;BYDAY=-1MO", 2),  # and its own start
        ("FREQ=YEARLY", 1),
    ],
)
def test_rules_end_as_they_say(read, rule, n):
    assert len(read(event(*SERIES[:3], f"RRULE:{rule}")).occurrences) == n


@pytest.mark.parametrize(
    "zone", ["TZID=W. Europe Standard Time", "TZID=Europe/Berlin", "TZID=School Time"]
)
def test_zones_by_windows_names_and_of_the_files_own_are_understood(read, zone):
    lines = [line.replace("TZID=Europe/Amsterdam", zone) for line in SERIES]
    own = [OWN_ZONE] if "School" in zone else []
    assert starts(read(*own, event(*lines))) == WEEKS


def test_a_time_without_a_zone_is_the_sites(read):
    lines = [line.replace(";TZID=Europe/Amsterdam", "") for line in SERIES]
    assert starts(read(event(*lines))) == WEEKS


def test_a_time_in_utc_stays_there_when_the_clocks_change(read):
    lines = ("UID:maths", "DTSTART:20261019T063000Z", "DURATION:PT50M", SERIES[3])
    assert starts(read(event(*lines))) == [
        "10-19 06:30", "10-26 06:30", "11-02 06:30", "11-09 06:30",
    ]  # fmt: skip


def test_skipped_and_doubled_hours_follow_the_standard(read):
    lines = (
        "DTSTART;TZID=Europe/Amsterdam:20261024T023000",
        "DURATION:PT30M",
        "RRULE:FREQ=DAILY;COUNT=3",
    )
    assert starts(read(event("UID:maths", *lines))) == ["10-24 00:30", "10-25 00:30", "10-26 01:30"]
    spring = ("DTSTART;TZID=America/New_York:20260308T023000", "DURATION:PT30M")
    read.path.write_text(calendar(event("UID:maths", *spring)))
    [found] = read_events(read.path, AMSTERDAM).events
    assert found.start.replace(tzinfo=found.zone).astimezone(dt.UTC).hour == 7  # 03:30 of summer


def test_a_lesson_over_midnight_is_one_lesson(read):
    night = event("UID:maths", "DTSTART:20261019T230000Z", "DTEND:20261020T010000Z")
    [lesson] = read(night).occurrences
    assert (utc(lesson.start), utc(lesson.end)) == ("10-19 23:00", "10-20 01:00")


def test_whole_days_and_events_without_a_length_are_counted_and_left_out(read):
    lessons = read(
        event("UID:fair", "DTSTART;VALUE=DATE:20261020"),
        event("UID:bell", "DTSTART:20261020T080000Z"),
        event("UID:camp", "DTSTART:20261020T080000Z", "DTEND:20261023T080000Z"),
        event(*SERIES),
    )
    assert starts(lessons) == WEEKS
    assert (lessons.all_day, lessons.not_lessons) == (1, 2)


def test_of_two_versions_of_an_event_the_newer_one_counts(read):
    newer = [line.replace("T083000", "T103000").replace("T092000", "T112000") for line in SERIES]
    for parts in (
        [event(*SERIES, "SEQUENCE:1"), event(*newer, "SEQUENCE:2")],
        [event(*newer, "SEQUENCE:2"), event(*SERIES, "SEQUENCE:1")],
    ):
        assert starts(read(*parts))[0] == "10-19 08:30"


def test_the_site_file_names_the_class_or_the_events_categories_do(read):
    lessons = read(event(*SERIES, "CATEGORIES:Klas 7B,Maths"))
    assert {o.class_id for o in lessons.occurrences} == {"klas-7b"}
    lessons = read(event(*SERIES, "CATEGORIES:Klas 7B"), **{"class": "8c", "activity": "exam"})
    assert {(o.class_id, o.activity) for o in lessons.occurrences} == {("8c", "exam")}
    assert {o.class_id for o in read(event(*SERIES)).occurrences} == {""}


def test_a_category_that_can_be_no_id_names_no_class():
    assert class_slug("…") == class_slug("") == ""
    assert class_slug("-7B / Wiskunde B-") == "7b-wiskunde-b"
    assert len(class_slug("x" * 200)) <= 63


def test_a_room_with_two_files_has_each_lesson_once(read):
    one = read(event(*SERIES), **{"class": "a"})
    two = read(event(*SERIES), event("UID:more", "DTSTART:20261020T080000Z", "DURATION:PT1H"))
    both = merged([one, two])
    assert [utc(o.start) for o in both] == [WEEKS[0], "10-20 08:00", *WEEKS[1:]]
    assert both[0].class_id == "a"


def test_a_plan_holds_yesterday_and_two_weeks_of_whole_days():
    noon = int(dt.datetime(2026, 11, 18, 12, tzinfo=dt.UTC).timestamp())
    begin, end = planned_days(noon)
    assert (utc(begin), utc(end)) == ("11-17 00:00", "12-03 00:00")
    assert planned_days(noon + 3600) == (begin, end)


BROKEN = {
    "there is no such file": None,
    "does not begin with BEGIN:VCALENDAR": b"<html>404</html>",
    "it does not end with END:VCALENDAR": calendar(event(*SERIES)).encode()[:-30],
    r"not UTF-8 \(byte \d+\)": calendar(event("UID:x", "SUMMARY:\xe9")).encode("latin-1"),
    "BEGIN and END lines": calendar("BEGIN:VEVENT", "UID:x").encode(),
    "more than 2 MiB": b" " * (files.MAX_CALENDAR_BYTES + (1 << 20)),
    "nobody knows the time zone 'Nowhere/Land'": calendar(
        event("UID:x", "DTSTART;TZID=Nowhere/Land:20261019T083000")
    ).encode(),
    "names a time zone that nobody knows": calendar(
        event("UID:x", "DTSTART;TZID=Europe:20261019T083000")
    ).encode(),
    "event 'x': it has no DTSTART": calendar(event("UID:x")).encode(),
    "an event without a UID": calendar(event("DTSTART:20261019T083000Z")).encode(),
    "event 'x': DTSTART: Expected": calendar(event("UID:x", "DTSTART:2026-10-19")).encode(),
    "event 'x': .*outside of 1970 to 2200": calendar(
        event("UID:x", "DTSTART:99990101T000000Z")
    ).encode(),
    "event 'maths': RRULE: .*SOMETIMES": calendar(
        event(*SERIES[:3], "RRULE:FREQ=SOMETIMES")
    ).encode(),
    "RRULE: RSCALE, SKIP is not supported": calendar(
        event(*SERIES[:3], "RRULE:RSCALE=GREGORIAN;FREQ=MONTHLY;SKIP=OMIT")
    ).encode(),
    "INTERVAL and COUNT are at least 1": calendar(
        event(*SERIES[:3], "RRULE:FREQ=DAILY;INTERVAL=0")
    ).encode(),
}  # fmt: skip


@pytest.mark.parametrize("reason", BROKEN)
def test_a_broken_file_is_one_sentence_with_its_name_and_its_mistake(read, reason):
    data = BROKEN[reason]
    with pytest.raises(CalendarError, match=reason) as caught:
        read_events(read.path, AMSTERDAM) if data is None else read.raw(data)
    assert str(caught.value).startswith(f"{read.path}: ")
    assert "\n" not in str(caught.value)


HOSTILE = {
    "every second": ["FREQ=SECONDLY"],
    "every minute of an hour": ["FREQ=MINUTELY;BYHOUR=3"],
    "a day of seconds": [f"FREQ=DAILY;BYSECOND={','.join(map(str, range(60)))};BYMINUTE=1,2"],
    "never again": ["FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"] * 10,
    "since the beginning": ["FREQ=DAILY"] * 100,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_rule_is_refused_instead_of_followed(read, what):
    parts = [
        event(f"UID:e{n}", "DTSTART:19700101T080000Z", "DURATION:PT1H", f"RRULE:{rule}")
        for n, rule in enumerate(HOSTILE[what])
    ]
    with pytest.raises(CalendarError, match=r"RRULE: |the file's rules"):
        read(*parts)


def test_more_lessons_than_any_room_can_have_are_refused(read):
    rule = f"RRULE:FREQ=DAILY;BYHOUR={','.join(map(str, range(24)))};BYMINUTE=0,30"
    assert MAX_TIMES_A_DAY == 48
    parts = [
        event(f"UID:e{n}", "DTSTART:20261019T080000Z", "DURATION:PT1H", rule) for n in range(3)
    ]
    with pytest.raises(CalendarError, match="more than 2000"):
        read(*parts)


ODD = [
    *"0:;=,-TZ\x00é", "PT5M", "P99999999999D", "20261026", "99991231T235959Z", "00010101T000000",
    ";VALUE=DATE", ";TZID=UTC", ";INTERVAL=99999999999999999999", ";BYDAY=9MO", ";COUNT=0",
    ";BYYEARDAY=-400", ";BYSETPOS=0", ";UNTIL=00010101",
]  # fmt: skip


@given(seed=st.integers(0, 2**32))
@settings(max_examples=200, deadline=None)
def test_whatever_stands_in_a_file_it_is_read_or_refused(seed, tmp_path_factory):
    """Lines of a real file are lost, doubled, cut and mixed up."""
    chance = random.Random(seed)
    lines = calendar(
        OWN_ZONE,
        event(*SERIES, "EXDATE:20261026T073000Z", "RDATE;VALUE=PERIOD:20261028T083000Z/PT1H"),
        change(":20261102T073000Z", "DTSTART:20261103T073000Z", "DURATION:PT1H", "CATEGORIES:7b"),
    ).split("\r\n")
    middle = lines[1:-2]
    for _ in range(chance.randint(1, 4)):
        n = chance.randrange(len(middle))
        line = middle.pop(n)
        cut = chance.randrange(len(line) + 1)
        middle[n:n] = chance.choice(
            [
                [],
                [line, line],
                [line[:cut]],
                [line[:cut] + chance.choice(ODD) + line[cut:]],
                [line.split(":")[0] + ":" + chance.choice(ODD)],
            ]
        )
    data = "\r\n".join([lines[0], *middle, *lines[-2:]]).encode()
    read = Reading(tmp_path_factory.mktemp("calendar"))
    try:
        lessons = read.raw(data)
    except CalendarError:
        return  # told with the file's name; anything else would fail here
    assert all(o.start < o.end for o in lessons.occurrences)
