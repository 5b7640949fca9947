"""The site file: what is accepted, and that every mistake is shown at once in its place."""

import datetime as dt
from pathlib import Path

import pytest

from schemas.errors import SettingsError, SiteFileError
from schemas.policy import PROFILES, PolicyConflictError, resolve
from schemas.site_file import load_site, parse_site

GOOD = """\
version: 1
site: {id: school, name: School, time_zone: Europe/Amsterdam}
policy: standard
rooms:
  - id: room-a
    cameras:
      - id: room-a-front
        url: rtsp://viewer:${PASSWORD}@camera.local/main
        calibration: {yaw_deg: 3, pitch_deg: -8}
        seats:
          A1: {polygon: [[0.1, 0.1], [0.3, 0.1], [0.3, 0.4]]}
timetable:
  - {id: maths, room: room-a, class: 7a, weekdays: [mon, fri], start: "08:30", end: "09:15"}
"""

BAD = """\
version: 1
site: {id: school, time_zone: Europe/Amsterdm}
rooms:
  - id: room-a
    cameras:
      - id: cam
        url: rtsp://viewer:secret@camera.local/main
        colour: red
      - id: cam
        url: gopher://camera.local
        seats:
          A1: {polygon: [[0, 0], [2, 0], [1, 1]]}
          A2: {polygon: [[0, 0], [0.5, 0.5], [1, 1]]}
timetable:
  - {id: maths, room: attic, weekdays: [mon], start: 10:30, end: "09:15"}
"""


def mistakes_of(text: str) -> list[str]:
    with pytest.raises(SiteFileError) as caught:
        parse_site(text)
    return caught.value.mistakes


def test_good_file_is_read_whole():
    site = parse_site(GOOD)
    assert [camera.id for _, camera in site.cameras()] == ["room-a-front"]
    assert site.rooms[0].seat_labels == ("A1",)
    assert site.timetable[0].start == dt.time(8, 30)
    assert site.timetable[0].class_id == "7a"
    assert site.rules == resolve("standard")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (1, "policy: is required"),
        (2, "not a time zone"),
        (7, "password must not stand in the site file"),
        (8, "colour: unknown key"),
        (9, "camera 'cam' stands twice"),
        (10, "'gopher' is not supported"),
        (12, "less than or equal to 1"),
        (13, "no area"),
        (15, "there is no room 'attic'"),
        (15, 'write the time in quotes, like "08:30"'),
    ],
)
def test_all_mistakes_are_reported_at_once_with_their_lines(line, words):
    assert any(m.startswith(f"line {line}: ") and words in m for m in mistakes_of(BAD))


def test_missing_policy_lists_every_profile():
    text = "\n".join(mistakes_of(BAD))
    assert all(f"    {name}" in text for name in PROFILES)


def test_a_secret_never_stands_in_an_error_text():
    assert "secret" not in "\n".join(mistakes_of(BAD))


def test_a_key_that_stands_twice_is_a_mistake():
    assert "'policy' stands twice" in mistakes_of(GOOD + "policy: eu\n")[0]


@pytest.mark.parametrize("text", ["", "- 1", "just words", "a: [1", "rooms: 3"])
def test_rubbish_is_refused_with_a_sentence(text):
    assert mistakes_of(text)


def test_absent_file_says_how_to_get_one(tmp_path: Path):
    with pytest.raises(SiteFileError, match="facepose init"):
        load_site(tmp_path / "none.yaml")


def test_placeholders_are_filled_from_the_environment_only_on_demand():
    _, camera = next(parse_site(GOOD).cameras())
    assert "hunter2" in camera.resolved_url({"PASSWORD": "hunter2"})
    with pytest.raises(SettingsError, match="PASSWORD"):
        camera.resolved_url({})


def test_a_site_may_be_stricter_than_its_profile_never_looser():
    assert resolve("demo", expression=False).expression is False
    assert resolve("standard", expression=True).expression is True
    assert resolve("eu", k=20).k == 20
    for wish in ({"expression": True}, {"per_student": True}, {"k": 5}):
        with pytest.raises(PolicyConflictError, match="eu"):
            resolve("eu", **wish)


def test_the_locks_of_the_european_profile_reach_the_site():
    rules = parse_site(GOOD.replace("policy: standard", "policy: eu")).rules
    assert (rules.per_student, rules.expression, rules.k) == (False, False, 10)
    text = GOOD.replace("policy: standard", "policy: {profile: eu, expression: true}")
    assert "locked by profile 'eu'" in mistakes_of(text)[0]
