"""A service follows its site file in turns, each ended cleanly before the next."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from deploy.stop_wish import StopWish
from schemas.site import Site
from schemas.site_file import load_site
from schemas.site_following import follow_site
from schemas.site_watch import SiteWatch

TEXT = """
version: 1
site: {id: school, time_zone: Europe/Amsterdam}
policy: demo
rooms:
  - id: r1
    cameras:
      - {id: c1, url: film.mp4, analysis_fps: FPS}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(TEXT.replace("FPS", "5"))
    return path


def fps(site: Site) -> float:
    return next(site.cameras())[1].analysis_fps


class Turns:
    """Notes each turn, and does the next thing of its plan in it."""

    def __init__(self, *steps) -> None:
        self.served: list[float] = []
        self._steps = iter(steps)

    def __call__(self, site: Site, end: threading.Event) -> None:
        self.served.append(fps(site))
        next(self._steps)()
        assert end.wait(20)


def test_each_change_begins_a_turn_with_the_new_site(path: Path) -> None:
    stop = threading.Event()
    turns = Turns(
        lambda: path.write_text(TEXT.replace("FPS", "2")),
        lambda: path.write_text(TEXT.replace("FPS", "3")),
        stop.set,
    )
    site = load_site(path)

    follow_site(site, SiteWatch(path, site), stop, turns)

    assert turns.served == [5, 2, 3]


def test_a_site_that_is_not_ready_waits_while_the_old_one_is_served(path: Path) -> None:
    stop = threading.Event()
    asked = []

    def is_ready(site: Site) -> bool:
        asked.append(fps(site))
        return len(asked) >= 2

    turns = Turns(lambda: path.write_text(TEXT.replace("FPS", "2")), stop.set)
    site = load_site(path)

    follow_site(site, SiteWatch(path, site), stop, turns, is_ready)

    assert turns.served == [5, 2]
    assert asked == [2, 2]


def test_a_broken_file_begins_no_turn(path: Path) -> None:
    stop = threading.Event()

    def break_then_stop() -> None:
        path.write_text("version: 1\nrooms: nonsense\n")
        threading.Timer(3.5, stop.set).start()

    turns = Turns(break_then_stop)
    site = load_site(path)

    follow_site(site, SiteWatch(path, site), stop, turns)

    assert turns.served == [5]


def test_without_a_watch_only_the_wish_to_stop_ends_it(path: Path) -> None:
    stop = threading.Event()
    turns = Turns(stop.set)

    follow_site(load_site(path), None, stop, turns)

    assert turns.served == [5]


def test_a_turn_that_asks_for_its_end_asks_for_the_wish_to_stop(path: Path) -> None:
    """A service's health is told by whether its loop asks for that wish."""
    now_s = 100.0
    stop = StopWish(lambda: now_s)

    def turn(_site: Site, end: threading.Event) -> None:
        nonlocal now_s
        now_s += 50
        assert stop.silence_s() == (50, False)
        assert not end.is_set()
        assert stop.silence_s() == (0, True)
        now_s += 50
        assert not end.wait(0.01)
        assert stop.silence_s() == (0, True)

    follow_site(load_site(path), None, stop, turn)


def test_an_error_of_a_turn_ends_the_follower_and_is_raised(path: Path) -> None:
    def fail(_site: Site, _end: threading.Event) -> None:
        raise RuntimeError("a bug")

    site = load_site(path)
    with pytest.raises(RuntimeError, match="a bug"):
        follow_site(site, SiteWatch(path, site), threading.Event(), fail)

    assert "site-follower" not in {thread.name for thread in threading.enumerate()}


def test_a_turn_that_ends_by_itself_ends_all(path: Path) -> None:
    served = []
    site = load_site(path)

    follow_site(site, None, threading.Event(), lambda site, _end: served.append(fps(site)))

    assert served == [5]
