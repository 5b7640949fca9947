"""A site file under an editor's hands: replaced, broken, mended, taken away and put back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from schemas.site import Site
from schemas.site_file import load_site
from schemas.site_watch import SiteWatch

SITE = """\
version: 1
site: {id: school, time_zone: Europe/Amsterdam}
policy: demo
rooms:
  - id: r1
    cameras:
      - {id: c1, url: film.mp4}
"""
MORE = SITE + "      - {id: c2, url: film.mp4}\n"
BROKEN = SITE.replace("version: 1", "version: 7")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    return path


@pytest.fixture
def watch(path: Path) -> SiteWatch:
    watch = SiteWatch(path, load_site(path))
    assert poll(watch) == []
    return watch


def poll(watch: SiteWatch, times: int = 5) -> list[Site]:
    """What so many polls tell."""
    return [site for site in (watch.poll() for _ in range(times)) if site is not None]


def camera_ids(site: Site) -> list[str]:
    return [camera.id for _, camera in site.cameras()]


def replace(path: Path, text: str) -> None:
    """As editors do: write beside it, then rename."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def test_a_changed_file_is_told_once(path: Path, watch: SiteWatch) -> None:
    path.write_text(MORE)

    assert [camera_ids(site) for site in poll(watch)] == [["c1", "c2"]]
    assert poll(watch) == []


def test_a_file_that_is_replaced_by_a_rename_is_noticed(path: Path, watch: SiteWatch) -> None:
    # same length, same time of change: only the inode tells
    before = path.stat()
    replace(path, SITE.replace("c1", "c9"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert [camera_ids(site) for site in poll(watch)] == [["c9"]]


def test_a_file_that_is_still_being_written_is_left_alone(path: Path, watch: SiteWatch) -> None:
    told = []
    for end in range(len(SITE), len(MORE)):  # a valid file that lacks its second camera
        path.write_text(MORE[:end])
        told += poll(watch, times=1)
    path.write_text(MORE)

    assert told == []
    assert [camera_ids(site) for site in poll(watch)] == [["c1", "c2"]]


def test_a_change_before_the_first_poll_is_not_missed(path: Path) -> None:
    watch = SiteWatch(path, load_site(path))
    path.write_text(MORE)

    assert [camera_ids(site) for site in poll(watch)] == [["c1", "c2"]]


def test_a_file_that_says_the_same_in_other_words_is_no_news(path: Path, watch: SiteWatch) -> None:
    path.write_text("# a comment\n" + SITE)

    with capture_logs() as logs:
        assert poll(watch) == []
    assert logs == []


def test_a_broken_file_is_told_once_with_its_mistakes_and_a_mended_one_counts(
    path: Path, watch: SiteWatch
) -> None:
    with capture_logs() as logs:
        path.write_text(BROKEN)
        assert poll(watch, times=20) == []
        os.utime(path)  # touched, not mended: nothing new to say
        assert poll(watch) == []
    [line] = logs
    assert (line["action"], line["log_level"]) == ("site_file_refused", "warning")
    assert any("version" in mistake for mistake in line["mistakes"])
    assert watch.refused is not None

    path.write_text(MORE)
    assert [camera_ids(site) for site in poll(watch)] == [["c1", "c2"]]
    assert watch.refused is None


def test_a_mistake_that_is_taken_back_says_so_and_changes_nothing(
    path: Path, watch: SiteWatch
) -> None:
    path.write_text(BROKEN)
    poll(watch)
    path.write_text(SITE)

    with capture_logs() as logs:
        assert poll(watch) == []
    assert [line["action"] for line in logs] == ["site_file_read"]
    assert watch.refused is None


def test_a_deleted_file_is_told_once_and_followed_again_when_it_is_back(
    path: Path, watch: SiteWatch
) -> None:
    with capture_logs() as logs:
        path.unlink()
        assert poll(watch, times=20) == []
    assert [line["action"] for line in logs] == ["site_file_refused"]
    assert "no such file" in logs[0]["mistakes"][0]

    path.write_text(MORE)
    assert [camera_ids(site) for site in poll(watch)] == [["c1", "c2"]]


def test_a_file_that_is_away_for_one_poll_is_not_missed(path: Path, watch: SiteWatch) -> None:
    with capture_logs() as logs:
        path.unlink()
        assert poll(watch, times=1) == []
        path.write_text(SITE)
        assert poll(watch) == []
    assert logs == []
