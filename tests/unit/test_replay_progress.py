"""How far a replay is, for people: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from deploy.replay.progress import PLAIN_EVERY_S, ReplayBar, clock_time
from ingest.recording.replay import ReplayProgress


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def bar_on(length_s: float = 2700.0, skipped_s: float = 0.0, *, terminal: bool = False):
    clock, out = Clock(), io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=120)
    return ReplayBar(console, length_s, skipped_s, clock), clock, out


def test_a_log_file_gets_a_line_now_and_then():
    bar, clock, out = bar_on()
    with bar:
        for _ in range(100):
            clock.now_s += PLAIN_EVERY_S / 25
            bar.show(ReplayProgress(film_s=round(clock.now_s - 100) * 12, waiting=3))
    lines = out.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[-1].endswith("x real time, 3 frames wait")
    assert "of 45:00" in lines[-1]


def test_a_terminal_gets_a_bar_and_no_lines():
    bar, clock, out = bar_on(terminal=True)
    with bar:
        clock.now_s += 10
        bar.show(ReplayProgress(film_s=1350, waiting=64))
    assert "22:30 of 45:00, 135.0 x real time, 64 frames wait" in out.getvalue()


def test_the_speed_counts_only_what_this_attempt_has_done():
    bar, clock, _ = bar_on(skipped_s=600)
    clock.now_s += 60
    assert bar.times_real_time(ReplayProgress(film_s=1200)) == pytest.approx(10.0)
    assert bar.times_real_time(ReplayProgress(film_s=0)) == 0.0


def test_a_server_that_is_waited_for_is_told():
    bar, _, _ = bar_on(length_s=0.0)
    told = bar.told(ReplayProgress(film_s=0, trouble="the Redis server is away"))
    assert told == "00:00, 0.0 x real time, 0 frames wait, the Redis server is away"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "00:00"), (65.9, "01:05"), (3600, "1:00:00"), (36_125, "10:02:05")]
)
def test_times_are_written_as_a_player_shows_them(seconds, text):
    assert clock_time(seconds) == text
