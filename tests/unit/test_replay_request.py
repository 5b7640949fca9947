"""What a replay is asked for: when a film begins, whose it is, and what is refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from deploy.recording import LIVE, recording_of
from deploy.replay.errors import ReplayRequestError
from deploy.replay.film_start import parse_start
from deploy.replay.request import read_request, run_prefix
from ingest.errors import ReplayError
from schemas.errors import SettingsError
from schemas.site import Site
from tests.fixtures_films import write_film

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOW = dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)
START = dt.datetime(2026, 3, 2, 7, 30, tzinfo=dt.UTC)


def a_site(*cameras: str, fps: float = 5.0) -> Site:
    rule = {"id": "m", "room": "lab", "class": "7a", "weekdays": ["mon"]}
    return Site.model_validate(
        {
            "version": 1,
            "site": {"id": "school", "time_zone": "Europe/Amsterdam"},
            "policy": "demo",
            "rooms": [
                {
                    "id": "lab",
                    "cameras": [
                        {"id": name, "url": f"rtsp://camera/{name}", "analysis_fps": fps}
                        for name in cameras or ("front",)
                    ]
                    + [{"id": "attic", "url": "rtsp://camera/attic", "enabled": False}],
                },
                {"id": "gym", "cameras": [{"id": "ball", "url": "rtsp://camera/ball"}]},
            ],
            "timetable": [rule | {"start": "08:30", "end": "09:15"}],
        }
    )


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for name, width in (("front", 320), ("side", 300), ("lesson", 280)):
        write_film(folder / f"{name}.mp4", seconds=2, size=(width, 160))
    (folder / "again.mp4").write_bytes((folder / "lesson.mp4").read_bytes())
    (folder / "letter.mp4").write_text("Dear parents")
    return folder


def asked(site: Site, *films: object, **changes: object):
    values = {"room_id": "lab", "start": START, "class_id": "", "activity": "unknown", "now": NOW}
    return read_request(site, [str(film) for film in films], **{**values, **changes})


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-02T08:30", "2026-03-02 07:30"),
        ("2026-07-01 08:30:15", "2026-07-01 06:30:15"),
        ("2026-07-01T08:30+05:30", "2026-07-01 03:00"),
        ("2026-07-01T08:30Z", "2026-07-01 08:30"),
        ("2026-10-25T02:30+02:00", "2026-10-25 00:30"),
        ("2026-10-25T02:30+01:00", "2026-10-25 01:30"),
    ],
)
def test_a_start_is_local_time_or_has_its_offset(text, utc):
    start = parse_start(text, AMSTERDAM)
    assert start == dt.datetime.fromisoformat(utc).replace(tzinfo=dt.UTC)
    assert start.tzinfo is dt.UTC


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-10-25T02:30", r"twice: write 2026-10-25T02:30\+02:00 .* or 2026-10-25T02:30\+01:00"),
        ("2026-03-29T02:30", "put forward over this time"),
        ("yesterday", "write the time like 2026-03-02T08:30"),
        ("2026-03-02", "the time of day is missing"),
        ("", "write the time like"),
    ],
)
def test_a_start_that_says_no_time_is_refused(text, reason):
    with pytest.raises(ReplayRequestError, match=reason):
        parse_start(text, AMSTERDAM)


def test_the_only_camera_needs_no_name(films):
    request = asked(a_site(), films / "lesson.mp4")
    assert [(c.camera_id, [f.name for f in c.films]) for c in request.cameras] == [
        ("front", ["lesson.mp4"])
    ]
    assert request.length_s == pytest.approx(2.0)


def test_a_film_called_like_its_camera_needs_no_name_either(films):
    site = a_site("side", "front", "back")
    request = asked(site, films / "front.mp4", f"side={films / 'lesson.mp4'}")
    assert [c.camera_id for c in request.cameras] == ["side", "front"]
    assert [c.id for c in request.room.cameras] == ["side", "front"]


def test_films_of_one_camera_stay_in_the_given_order(films):
    request = asked(a_site(), films / "side.mp4", f"front={films / 'lesson.mp4'}")
    assert [film.name for film in request.cameras[0].films] == ["side.mp4", "lesson.mp4"]
    assert request.length_s == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("film", "changes", "reason"),
    [
        ("lesson.mp4", {"room_id": "cellar"}, "no room 'cellar'; it has lab, gym"),
        ("roof=lesson.mp4", {}, "room 'lab' has no camera 'roof'; it has front, side, attic"),
        ("attic=lesson.mp4", {}, "camera 'attic' is not enabled"),
        ("lesson.mp4", {}, "several cameras; write CAMERA="),
        ("front=nothing.mp4", {}, "there is no such film"),
        ("front=lesson.mp4", {"class_id": "9z"}, "class '9z'; known are 7a"),
        ("front=lesson.mp4", {"start": NOW - dt.timedelta(seconds=1)}, "end in the future"),
        ("front=lesson.mp4", {"start": NOW + dt.timedelta(days=1)}, "end in the future"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(films, monkeypatch, film, changes, reason):
    monkeypatch.chdir(films)
    with pytest.raises(ReplayRequestError, match=reason):
        asked(a_site("front", "side"), film, **changes)


def test_the_same_film_twice_is_refused(films):
    with pytest.raises(ReplayRequestError, match=r"again\.mp4 is the same film as .*lesson\.mp4"):
        asked(a_site(), films / "lesson.mp4", films / "again.mp4")


def test_what_is_no_film_is_refused(films):
    with pytest.raises(ReplayError, match=r"letter\.mp4 cannot be read as a film"):
        asked(a_site(), films / "letter.mp4")


def test_the_same_films_cameras_and_start_are_the_same_run(films):
    site = a_site("front", "side")
    one, other = f"front={films / 'lesson.mp4'}", f"side={films / 'side.mp4'}"
    request = asked(site, one, other)
    moved = f"front={films / 'again.mp4'}"
    assert asked(site, other, moved, class_id="7a").run_id == request.run_id
    assert request.run_id.startswith(run_prefix(START))
    others = {
        asked(site, one).run_id,
        asked(site, f"side={films / 'lesson.mp4'}", f"front={films / 'side.mp4'}").run_id,
        asked(site, one, other, start=START + dt.timedelta(seconds=1)).run_id,
        asked(a_site("front", "side", fps=2.0), one, other).run_id,
    }
    assert len(others | {request.run_id}) == 5


def test_the_meeting_has_the_start_the_class_and_the_activity(films):
    request = asked(a_site(), films / "lesson.mp4", class_id="7a", activity="lecture")
    recording = request.recording
    assert (recording.start, recording.class_id, recording.activity) == (
        int(START.timestamp()),
        "7a",
        "lecture",
    )


def test_a_service_serves_a_run_of_one_room_or_what_is_live():
    site = a_site()
    assert recording_of(site, "", None) is LIVE
    recording = recording_of(site, "film-1", "lab")
    assert recording.arguments == ("--run", "film-1", "--room", "lab")
    for run, room in (("film-1", None), ("film-1", "cellar"), ("", "lab")):
        with pytest.raises(SettingsError, match="--run needs the run's --room"):
            recording_of(site, run, room)
