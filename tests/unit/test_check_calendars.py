"""`facepose check` about calendar files: what they give, and what is wrong with them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from deploy.check_calendars import check_calendars
from schemas.site import Site

NOW = dt.datetime(2026, 11, 18, 22, 30, tzinfo=dt.UTC)  # 23:30 of Wednesday in Amsterdam


@pytest.fixture
def site() -> Site:
    return Site.model_validate(
        {
            "version": 1,
            "site": {"id": "school", "time_zone": "Europe/Amsterdam"},
            "policy": "demo",
            "rooms": [{"id": "r1", "cameras": [{"id": "c1", "url": "film.mp4"}]}],
            "calendars": [{"path": "r1.ics", "room": "r1"}],
        }
    )


def event(*lines: str) -> str:
    return "\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT"])


def finding(site: Site, folder: Path, *events: str):
    text = "\n".join(["BEGIN:VCALENDAR", *events, "END:VCALENDAR"])
    (folder / "r1.ics").write_text(text)
    [found] = check_calendars(site, folder, NOW)
    return found


def test_lessons_of_today_and_of_two_weeks_are_counted_in_local_days(site, tmp_path):
    daily = event("UID:a", "DTSTART:20261101T080000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY")
    late = event("UID:b", "DTSTART:20261118T231500Z", "DURATION:PT30M")  # tomorrow, in Amsterdam
    found = finding(site, tmp_path, daily, late)
    assert (found.what, found.verdict) == ("calendar r1.ics", "ok")
    assert found.text == "room r1: lessons today: 1, in two weeks: 15"


def test_what_is_left_out_is_told(site, tmp_path):
    found = finding(
        site,
        tmp_path,
        event("UID:a", "DTSTART:20261118T080000Z", "DURATION:PT1H"),
        event("UID:b", "DTSTART;VALUE=DATE:20261118"),
        event("UID:c", "DTSTART:20261119T080000Z"),
    )
    assert found.text.endswith(
        "(events that are no lessons: for whole days: 1, without a length or longer than a day: 1)"
    )


def test_a_calendar_that_has_run_out_is_a_warning(site, tmp_path):
    found = finding(site, tmp_path, event("UID:a", "DTSTART:20260101T080000Z", "DURATION:PT1H"))
    assert found.verdict == "warning"
    assert "is the file still written?" in found.text


def test_a_broken_calendar_fails_with_its_mistake(site, tmp_path):
    found = finding(site, tmp_path, event("UID:a", "DTSTART:never"))
    assert found.verdict == "failed"
    assert "event 'a': DTSTART" in found.text
    (tmp_path / "r1.ics").unlink()
    [found] = check_calendars(site, tmp_path, NOW)
    assert found.text == "there is no such file; room r1 gets no lessons of it"
