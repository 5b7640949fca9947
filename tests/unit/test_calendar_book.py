"""Calendar files under somebody's hands: rewritten, broken, mended; the days that go by."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from schemas.calendars import book
from schemas.calendars.book import CalendarBook
from schemas.errors import SiteFileError
from schemas.site import Site
from schemas.site_file import load_site
from schemas.site_watch import SiteWatch

NOON = 1_795_003_200  # 2026-11-18 12:00 UTC
DAY = 86_400
SITE = """\
version: 1
site: {id: school, time_zone: Europe/Amsterdam}
policy: demo
rooms:
  - id: r1
    cameras:
      - {id: c1, url: film.mp4}
calendars:
  - {path: r1.ics, room: r1, class: 7b}
"""


def ics(hour: int, rule: str = "RRULE:FREQ=DAILY") -> str:
    lines = [
        "BEGIN:VCALENDAR", "BEGIN:VEVENT", "UID:a", f"DTSTART:20261101T{hour:02}0000Z",
        "DURATION:PT1H", rule, "END:VEVENT", "END:VCALENDAR",
    ]  # fmt: skip
    return "\n".join(lines)


class Clock:
    def __init__(self) -> None:
        self.s = float(NOON)

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "r1.ics").write_text(ics(8))
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    return path


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def calendars(path: Path, clock: Clock) -> CalendarBook:
    calendars = CalendarBook(load_site(path), path.parent, clock)
    calendars.look(settled=True)
    return calendars


def hours(calendars: CalendarBook) -> set[int]:
    return {o.start // 3600 % 24 for o in calendars.of_room("r1")}


def test_a_room_has_the_lessons_of_yesterday_to_two_weeks_ahead(calendars):
    lessons = calendars.of_room("r1")
    assert len(lessons) == 16
    assert (lessons[0].start, lessons[-1].start) == (NOON - 28 * 3600, NOON + 14 * DAY - 4 * 3600)
    assert calendars.of_room("r2") == ()


def test_news_are_told_once(calendars):
    assert calendars.take_news() == {"r1"}
    assert calendars.take_news() == set()
    calendars.look()
    assert calendars.take_news() == set()


def test_a_file_that_changed_counts_once_it_holds_still(path, calendars):
    calendars.take_news()
    (path.parent / "r1.ics").write_text(ics(9))
    calendars.look()
    assert calendars.take_news() == set()
    calendars.look()
    assert calendars.take_news() == {"r1"}
    assert hours(calendars) == {9}


def test_a_file_that_says_the_same_is_no_news(path, calendars):
    calendars.take_news()
    (path.parent / "r1.ics").write_text(ics(8).replace("RRULE", "SUMMARY:x\nRRULE"))
    calendars.look()
    calendars.look()
    assert calendars.take_news() == set()


@pytest.mark.parametrize("broken", ["BEGIN:VCALENDAR", ics(9, "RRULE:FREQ=SECONDLY"), None])
def test_a_broken_file_is_told_once_and_the_lessons_of_before_stay(path, calendars, broken):
    file = path.parent / "r1.ics"
    calendars.take_news()
    with capture_logs() as logs:
        file.unlink()
        if broken is not None:
            file.write_text(broken)
        for _ in range(5):
            calendars.look()
    [line] = logs
    assert (line["action"], line["log_level"]) == ("calendar_refused", "warning")
    assert calendars.take_news() == set()
    assert hours(calendars) == {8}
    file.write_text(ics(10))
    calendars.look()
    calendars.look()
    assert hours(calendars) == {10}


def test_a_file_that_was_never_read_leaves_what_is_known_from_before(path, clock):
    (path.parent / "r1.ics").write_text(ics(9, "RRULE:FREQ=SECONDLY"))
    calendars = CalendarBook(load_site(path), path.parent, clock)
    calendars.look(settled=True)
    assert calendars.of_room("r1") is None
    assert calendars.take_news() == set()
    (path.parent / "r1.ics").write_text(ics(9))
    calendars.look()
    calendars.look()
    assert calendars.take_news() == {"r1"}
    assert hours(calendars) == {9}


def test_an_empty_calendar_has_no_lessons_which_is_something_to_know(path, calendars):
    calendars.take_news()
    (path.parent / "r1.ics").write_text("BEGIN:VCALENDAR\nEND:VCALENDAR")
    calendars.look()
    calendars.look()
    assert calendars.of_room("r1") == ()
    assert calendars.take_news() == {"r1"}


def test_a_new_day_brings_new_lessons(calendars, clock):
    calendars.take_news()
    before = calendars.of_room("r1")
    clock.s += 11 * 3600
    calendars.look()
    assert calendars.take_news() == set()
    clock.s += 2 * 3600
    calendars.look()
    assert calendars.take_news() == {"r1"}
    assert calendars.of_room("r1")[:-1] == before[1:]


def test_files_are_followed_by_a_thread_until_the_end(path, calendars, monkeypatch):
    monkeypatch.setattr(book, "LOOK_EVERY_S", 0.02)
    end = threading.Event()
    thread = calendars.follow(end)
    (path.parent / "r1.ics").write_text(ics(9))
    for _ in range(500):
        if hours(calendars) == {9}:
            break
        end.wait(0.02)
    end.set()
    assert hours(calendars) == {9}
    thread.join(10)
    assert not thread.is_alive()


def test_a_site_without_calendars_needs_no_thread(clock):
    site = Site.model_validate(
        {
            "version": 1,
            "site": {"id": "s", "time_zone": "UTC"},
            "policy": "demo",
            "rooms": [{"id": "r", "cameras": [{"id": "c", "url": "film.mp4"}]}],
        }
    )
    assert CalendarBook(site, Path(), clock).follow(threading.Event()) is None


def test_a_site_file_names_calendars_that_cannot_be_used_beside_its_other_mistakes(path):
    path.write_text(
        SITE + "  - {path: gone.ics, room: r1}\n  - {path: r1.ics, room: attic}\n"
        "  - {path: page.ics, room: r1, activity: sleep}\n"
    )
    (path.parent / "page.ics").write_text("<html>")
    with pytest.raises(SiteFileError) as caught:
        load_site(path)
    mistakes = "\n".join(caught.value.mistakes)
    assert len(caught.value.mistakes) == 4
    assert "line 10: calendars[1].path" in mistakes
    assert "gone.ics: there is no such file" in mistakes
    assert "line 11: calendars[2].room: there is no room 'attic'" in mistakes
    assert "page.ics: is no iCalendar file" in mistakes
    assert "calendars[3].activity" in mistakes


def test_a_site_file_that_waits_for_a_calendar_is_read_when_the_calendar_is_there(path):
    watch = SiteWatch(path, load_site(path))
    [watch.poll() for _ in range(3)]
    with capture_logs() as logs:
        path.write_text(SITE + "  - {path: new.ics, room: r1}\n")
        assert [watch.poll() for _ in range(8)] == [None] * 8
    assert [line["action"] for line in logs] == ["site_file_refused"]
    (path.parent / "new.ics").write_text(ics(11))
    [site] = [site for site in (watch.poll() for _ in range(5)) if site is not None]
    assert len(site.calendars) == 2
