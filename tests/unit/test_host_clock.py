"""The host's clock against the faces server's: network delays, an NTP step, a server away."""

from __future__ import annotations

import random

import pytest
from structlog.testing import capture_logs

from ingest.clock_alarm import ClockAlarm
from ingest.host_clock import ClockOffset

MS = 1_000_000
NS = 1_000_000_000
# Unix time at our monotonic clock's zero.
BOOT_NS = 1_790_000_000 * NS


def ask(offset: ClockOffset, at_ns: int, there_ms: float, back_ms: float, ahead_ms: float) -> None:
    """One question at `at_ns` (monotonic) to a server that is `ahead_ms` ahead of our clock."""
    heard_ns = at_ns + int(there_ms * MS)
    offset.measured(at_ns, heard_ns + int(back_ms * MS), BOOT_NS + heard_ns + int(ahead_ms * MS))


def offset_ms(offset: ClockOffset, at_ns: int, stepped_ms: float = 0) -> float | None:
    found_ns = offset.offset_ns(at_ns, BOOT_NS + at_ns + int(stepped_ms * MS))
    return None if found_ns is None else found_ns / MS


@pytest.mark.parametrize("ahead_ms", [0, 300, -300, 3_600_000])
def test_the_offset_is_ours_less_the_servers(ahead_ms: float) -> None:
    offset = ClockOffset()
    ask(offset, NS, 0.2, 0.2, ahead_ms)

    assert offset_ms(offset, 2 * NS) == pytest.approx(-ahead_ms)


def test_of_a_minute_the_quickest_answer_counts() -> None:
    rng = random.Random(4)
    offset = ClockOffset()
    for second in range(0, 60, 5):
        ask(offset, second * NS, rng.uniform(1, 40), rng.uniform(1, 200), ahead_ms=100)
    ask(offset, 60 * NS, 0.5, 0.7, ahead_ms=100)
    ask(offset, 65 * NS, 2, 150, ahead_ms=100)

    assert offset_ms(offset, 66 * NS) == pytest.approx(-100, abs=0.2)


def test_an_answer_older_than_a_minute_does_not_count() -> None:
    offset = ClockOffset()
    ask(offset, 0, 0.1, 0.1, ahead_ms=100)
    ask(offset, 61 * NS, 20, 20, ahead_ms=400)

    assert offset_ms(offset, 62 * NS) == pytest.approx(-400)


def test_without_an_answer_for_a_minute_nothing_is_known() -> None:
    offset = ClockOffset()
    assert offset_ms(offset, 0) is None
    ask(offset, 0, 0.1, 0.1, ahead_ms=100)
    assert offset_ms(offset, 59 * NS) is not None

    assert offset_ms(offset, 61 * NS) is None


def test_a_step_of_our_own_clock_shows_at_once() -> None:
    offset = ClockOffset()
    ask(offset, 0, 0.1, 0.1, ahead_ms=0)

    assert offset_ms(offset, NS, stepped_ms=5000) == pytest.approx(5000)


def test_a_clock_that_is_off_is_told_once_and_once_that_it_is_good() -> None:
    alarm = ClockAlarm()
    with capture_logs() as logs:
        for ms in (None, 0, 250, -251, -300, None, -240, 260, 199, 0, 240):
            alarm.note(ms)

    assert [(line["action"], line["offset_ms"]) for line in logs] == [
        ("clock_off", -251),
        ("clock_good", 199),
    ]
    assert logs[0]["log_level"] == "warning"
