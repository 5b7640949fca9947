"""`facepose init`: whatever the answers, the file says just that, and it is a valid site file."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from deploy.cli import app
from deploy.init import render, room_ids, run_init, slug
from schemas.errors import SettingsError
from schemas.policy import PROFILES
from schemas.site_file import load_site, parse_site
from schemas.site_retention import Retention

ARGUMENTS = ["--profile", "standard", "--name", "School", "--time-zone", "UTC"]
CAMERA = ["--camera", "Room 1=rtsp://10.0.0.5/stream"]


def init(path: Path, *arguments: str, answers: str = ""):
    return CliRunner().invoke(app, ["init", str(path), *arguments], input=answers)


def rendered(name: str = "School", cameras=(("Room 1", "film.mp4"),), profile: str = "standard"):
    return parse_site(render("site.yaml", name, "Europe/Amsterdam", profile, cameras))


@pytest.mark.parametrize("profile", PROFILES)
def test_the_file_of_every_profile_is_valid(profile):
    assert rendered(profile=profile).policy.profile == profile


@pytest.mark.parametrize("profile", PROFILES)
def test_the_commented_lines_are_valid_too(profile):
    text = render("site.yaml", "School", "UTC", profile, [("Room 1", "film.mp4")])
    lines = []
    for line in text.splitlines():
        head, mark, rest = line.partition("# ")
        wanted = ("per_student:", "expression:", "k:", "calibration:", "seats:", "  A1:")
        lines.append(head + rest if mark and not head.strip() and rest.startswith(wanted) else line)
    site = parse_site("\n".join(lines))
    _room, camera = next(site.cameras())
    assert site.rules.k == 10
    assert not site.rules.per_student
    assert camera.calibration is not None
    assert list(camera.seats) == ["A1"]


def test_the_timetable_in_the_comment_is_valid_too():
    text = render("site.yaml", "School", "UTC", "standard", [("101", "film.mp4")])
    start, end = text.index("# timetable:"), text.index("# Reports that")
    table = text[start:end].replace("\n# ", "\n").removeprefix("# ")
    lines = [line for line in table.splitlines() if "activities:" not in line]
    site = parse_site(text[:start] + "\n".join(lines))
    assert site.timetable[0].room == "101"


def test_the_reports_in_the_comment_are_valid_too():
    text = render("site.yaml", "School", "UTC", "standard", [("101", "film.mp4")])
    start = text.index("# mail:")
    reports = text[start:].replace("\n# ", "\n").removeprefix("# ")
    site = parse_site(text[:start] + reports)
    assert site.mail is not None
    assert site.reports[0].recipients == ("reports", "mailto:head@example.org")


def test_the_retention_in_the_comment_is_what_holds_without_it():
    text = render("site.yaml", "School", "UTC", "standard", [("101", "film.mp4")])
    start, end = text.index("# retention:"), text.index("rooms:")
    kept = text[start:end].replace("\n# ", "\n").removeprefix("# ")
    assert yaml.safe_load(kept)["retention"] == Retention().model_dump()
    assert parse_site(text[:start] + kept + text[end:]).retention == Retention()


@pytest.mark.parametrize(
    "name",
    [
        'Saint "Mary"',
        "a: b # c",
        "O'Neil \\ Sons",
        "Zoë's 学校 🏫",
        "- [x]",
        "{brace}",
        "2024",
        "no",
    ],
)
def test_odd_names_stay_what_they_are(name):
    site = rendered(name=name, cameras=[(name, "film.mp4")])
    assert site.site.name == name
    assert site.rooms[0].name == name


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://admin:${CAMERA_PASSWORD}@10.0.0.5:554/cam/realmonitor?channel=1&subtype=0#x",
        "films/my lesson: part 1.mp4",
        'C:\\films\\"a".mp4',
        "file:///films/a%20b.mp4",
    ],
)
def test_odd_urls_stay_what_they_are(url):
    _room, camera = next(rendered(cameras=[("Room 1", url)]).cameras())
    assert camera.url == url


@given(name=st.text(min_size=1, max_size=60).filter(str.strip))
@settings(max_examples=60, deadline=None)
def test_any_name_survives(name):
    assert rendered(name=name).site.name == name


@pytest.mark.parametrize("word", ["101", "on", "null", "1e3", "2024-01-01", "0x1f", "~"])
def test_a_room_whose_name_yaml_would_read_as_something_else(word):
    assert isinstance(rendered(cameras=[(word, "film.mp4")]).rooms[0].id, str)


def test_cameras_of_one_room_come_together():
    site = rendered(cameras=[("Hall", "a.mp4"), ("Gym", "b.mp4"), ("Hall", "c.mp4")])
    found = [(room.name, camera.id, camera.url) for room, camera in site.cameras()]
    assert found == [
        ("Hall", "hall-1", "a.mp4"),
        ("Hall", "hall-2", "c.mp4"),
        ("Gym", "gym-1", "b.mp4"),
    ]


def test_rooms_in_another_script_stay_apart():
    assert room_ids(["教室", "音楽室", "Room"]) == {
        "教室": "room",
        "音楽室": "room-2",
        "Room": "room-3",
    }


def test_slugs_are_ids():
    assert slug("  Möy's School (North) ", "site") == "moy-s-school-north"
    assert slug("学校", "site") == "site"
    assert len(slug("x" * 200, "site")) <= 48


def test_the_command_writes_the_file(tmp_path):
    path = tmp_path / "site.yaml"
    result = init(path, *ARGUMENTS, *CAMERA)
    assert result.exit_code == 0, result.output
    assert f"facepose check {path}" in result.output
    assert load_site(path).site.name == "School"


def test_an_existing_file_is_not_overwritten(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text("mine")
    result = init(path, *ARGUMENTS, *CAMERA)
    assert isinstance(result.exception, SettingsError)
    assert "exists already" in str(result.exception)
    assert path.read_text() == "mine"


def test_an_existing_file_is_refused_before_any_question(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text("mine")
    assert "Name of the school" not in init(path).output


def test_force_overwrites(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text("mine")
    assert init(path, *ARGUMENTS, *CAMERA, "--force").exit_code == 0
    assert load_site(path).rooms[0].name == "Room 1"


@pytest.mark.parametrize("camera", ["rtsp://10.0.0.5/stream", "Room 1=", "=film.mp4", ""])
def test_a_camera_option_without_room_or_url_is_a_usage_error(tmp_path, camera):
    result = init(tmp_path / "site.yaml", *ARGUMENTS, "--camera", camera)
    assert result.exit_code == 2
    assert "expected ROOM=URL" in result.output


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--profile", "nix"], "unknown policy profile 'nix'"),
        (["--time-zone", "Mars/Olympus"], "'Mars/Olympus' is not a time zone"),
        (["--camera", "a=ftp://camera/"], "'ftp' is not supported"),
    ],
)
def test_options_that_make_no_valid_file_write_none(tmp_path, arguments, reason):
    path = tmp_path / "site.yaml"
    result = init(path, *ARGUMENTS, *CAMERA, *arguments)
    assert isinstance(result.exception, SettingsError)
    assert reason in str(result.exception)
    assert not path.exists()


def test_a_password_is_neither_written_nor_shown(tmp_path):
    result = init(tmp_path / "site.yaml", *ARGUMENTS, "--camera", "a=rtsp://me:hunter2@10.0.0.5/")
    assert "a password must not stand in the site file" in str(result.exception)
    assert "hunter2" not in str(result.exception) + result.output


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path):
    result = init(tmp_path / "none" / "site.yaml", *ARGUMENTS, *CAMERA)
    assert isinstance(result.exception, SettingsError)
    assert "cannot be written: No such file or directory" in str(result.exception)


def test_the_questions_lead_to_a_file(tmp_path):
    path = tmp_path / "site.yaml"
    answers = [
        "Elm School",
        "Europe/London",
        "uk",
        "Lab",
        "rtsp://10.0.0.5/1",
        "y",
        "",
        "b.mp4",
        "n",
    ]
    result = init(path, answers="\n".join(answers) + "\n")
    assert result.exit_code == 0, result.output
    site = load_site(path)
    assert (site.site.id, site.site.time_zone, site.policy.profile) == (
        "elm-school",
        "Europe/London",
        "uk",
    )
    assert [(room.name, camera.url) for room, camera in site.cameras()] == [
        ("Lab", "rtsp://10.0.0.5/1"),
        ("room-2", "b.mp4"),
    ]


def test_the_profile_has_no_default_and_is_asked_until_it_is_one(tmp_path):
    path = tmp_path / "site.yaml"
    result = init(path, "--name", "S", "--time-zone", "UTC", *CAMERA, answers="\nnix\neu\n")
    assert result.exit_code == 0, result.output
    assert "European Union: class figures only" in result.output
    assert load_site(path).policy.profile == "eu"


def test_no_answer_at_all_writes_nothing(tmp_path):
    path = tmp_path / "site.yaml"
    result = init(path, "--name", "S", "--time-zone", "UTC", *CAMERA, answers="")
    assert result.exit_code != 0
    assert not path.exists()


def test_a_wrong_answer_is_asked_again_at_once(tmp_path):
    path = tmp_path / "site.yaml"
    answers = "Mars\nUTC\nRoom 1\nrtsp://me:hunter2@10.0.0.5/\nfilm.mp4\nn\n"
    result = init(path, "--name", "S", "--profile", "demo", answers=answers)
    assert result.exit_code == 0, result.output
    assert "'Mars' is not a time zone" in result.output
    assert "a password must not stand in the site file" in result.output
    assert load_site(path).rooms[0].cameras[0].url == "film.mp4"


def test_the_file_reads_as_yaml_without_surprises(tmp_path):
    text = render("site.yaml", "S", "UTC", "eu", [("Room 1", "film.mp4")])
    assert list(yaml.safe_load(text)) == ["version", "site", "policy", "rooms"]
    assert "\t" not in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_the_answers_are_checked_as_a_whole(tmp_path):
    from rich.console import Console

    with pytest.raises(SettingsError, match="those answers do not make a valid site file"):
        run_init(tmp_path / "s.yaml", "eu", "Mars", "S", ["a=b"], False, Console())
