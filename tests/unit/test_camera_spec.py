"""What a camera may be in the site file, and what its reader is told of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.camera_spec import CameraSpec, spec_of
from schemas.errors import SettingsError, SiteFileError
from schemas.site_file import parse_site

FOLDER = Path("/site")
ENVIRON = {"PASSWORD": "hunter2"}


def spec(camera: str) -> CameraSpec:
    site = parse_site(
        "version: 1\nsite: {id: school, time_zone: Europe/Amsterdam}\npolicy: demo\n"
        f"rooms:\n  - id: r1\n    cameras:\n      - {{id: c1, {camera}}}\n"
    )
    return spec_of(*next(site.cameras()), FOLDER, ENVIRON)


def mistake(camera: str) -> str:
    with pytest.raises(SiteFileError) as caught:
        spec(camera)
    return str(caught.value)


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "http", "https"])
def test_a_network_camera_gets_its_secret_and_never_shows_it(scheme: str) -> None:
    made = spec(f"url: '{scheme}://admin:${{PASSWORD}}@cam/1'")

    assert made.url == f"{scheme}://admin:hunter2@cam/1"
    assert not made.is_film
    assert "hunter2" not in f"{made} {made!r} {made.shown_url}"


def test_a_film_is_found_from_the_site_files_folder() -> None:
    made = spec("url: films/class.mp4, loop: true")

    assert (made.url, made.is_film, made.loop) == ("/site/films/class.mp4", True, True)


def test_the_smaller_stream_is_read_where_it_is_chosen() -> None:
    both = "url: 'rtsp://cam/main', sub_url: 'rtsp://cam/sub'"

    assert spec(both).url == "rtsp://cam/main"
    assert spec(f"{both}, stream: sub").url == "rtsp://cam/sub"
    assert "needs `sub_url`" in mistake("url: 'rtsp://cam/main', stream: sub")


def test_only_the_secrets_of_the_stream_that_is_read_are_needed() -> None:
    other = "sub_url: 'rtsp://admin:${OTHER}@cam/sub'"

    assert spec(f"url: 'rtsp://cam/main', {other}").url == "rtsp://cam/main"
    with pytest.raises(SettingsError, match="OTHER"):
        spec(f"url: 'rtsp://cam/main', {other}, stream: sub")


@pytest.mark.parametrize("key", ["url", "sub_url"])
@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "http", "https"])
def test_a_password_must_not_stand_in_the_file(key: str, scheme: str) -> None:
    camera = f"{key}: '{scheme}://admin:hunter2@cam/1'"
    text = mistake(camera if key == "url" else f"url: film.mp4, {camera}")

    assert "password must not stand in the site file" in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ("[0.5, 0, 0.5, 1]", "left < right"),
        ("[0, 1, 1, 0]", "left < right"),
        ("[0, 0, 1.5, 1]", "less than or equal to 1"),
        ("[0, 0, 1]", "rooms"),
    ],
)
def test_a_region_that_is_none_is_refused(region: str, words: str) -> None:
    assert words in mistake(f"url: film.mp4, region: {region}")


def test_a_region_and_detection_regions_exclude_each_other() -> None:
    text = mistake(
        "url: film.mp4, region: [0, 0, 1, 0.5], detection: {regions: [{box: [0, 0, 1, 0.5]}]}"
    )
    assert "use one of them" in text


def test_what_the_reader_does_not_need_is_no_change_for_it() -> None:
    """A new seat or calibration must not cost the camera's connection."""
    bare = spec("url: film.mp4")

    assert spec("url: film.mp4, calibration: {yaw_deg: 1, pitch_deg: 2}") == bare
    assert spec("url: film.mp4, seats: {A1: {polygon: [[0, 0], [1, 0], [1, 1]]}}") == bare
    for change in ("analysis_fps: 2", "region: [0, 0, 1, 0.5]", "hardware: cuda"):
        assert spec(f"url: film.mp4, {change}") != bare
