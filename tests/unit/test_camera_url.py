from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.camera_url import film_path
from schemas.redaction import redact_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://10.0.0.9:554/main", "rtsp://10.0.0.9:554/main"),
        ("rtsp://admin:hunter2@10.0.0.9/main", "rtsp://***@10.0.0.9/main"),
        ("rtsps://admin:p@ss:w/rd@cam/1", "rtsps://***@cam/1"),
        ("rtsp://cam/live?user=admin&password=hunter2", "rtsp://cam/live?***"),
        (
            "rtsp://cam/user=admin&password=hunter2&channel=1",
            "rtsp://cam/user=***&password=***&channel=1",
        ),
        ("films/class.mp4", "films/class.mp4"),
    ],
)
def test_a_shown_url_holds_no_credentials(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@given(
    user=st.text(string.ascii_letters, min_size=1),
    password=st.text(string.printable.strip() + "é", min_size=6).filter(lambda p: p[0] != "*"),
)
def test_whatever_the_password_it_is_not_shown(user: str, password: str) -> None:
    assert redact_url(f"rtsp://{user}:{password}@camera.test/main") == "rtsp://***@camera.test/main"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("film.mp4", "/site/film.mp4"),
        ("films/a b.gif", "/site/films/a b.gif"),
        ("/data/film.mp4", "/data/film.mp4"),
        ("file:///data/a%20b.mp4", "/data/a b.mp4"),
        ("file://films/film.mp4", "/site/films/film.mp4"),
        ("file:film.mp4", "/site/film.mp4"),
    ],
)
def test_films_are_found_from_the_site_files_folder(url: str, path: str) -> None:
    assert film_path(url, Path("/site")) == Path(path)
