"""Waiting for a server that is away, and renewing what is held meanwhile."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from schemas.transport import StreamFullError, TransportDownError, TransportRefusedError
from workers.patience import LONGEST_WAIT_S, Patience
from workers.renewal import Held, Renewal


@dataclass
class FlakyServer:
    """Raises what it is told to, then answers."""

    errors: list[Exception] = field(default_factory=list)
    calls: int = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


@dataclass
class TurnedClock:
    now_s: float = 0.0
    waits_s: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.waits_s.append(seconds)
        self.now_s += seconds


def patience_with(clock: TurnedClock, stop: threading.Event | None = None, **options) -> Patience:
    return Patience(
        "faces", stop or threading.Event(), monotonic=clock, sleep=clock.sleep, **options
    )


def test_it_waits_longer_and_longer_says_so_once_and_says_when_it_is_over():
    clock, told = TurnedClock(), []
    server = FlakyServer([TransportDownError("refused")] * 12)
    with capture_logs() as logs:
        assert patience_with(clock, on_change=told.append).call(server) == "answer"
    assert [log["action"] for log in logs] == ["server_away", "server_back"]
    assert told == [False, True]
    assert clock.waits_s[0] < 0.2
    assert LONGEST_WAIT_S * 0.7 < clock.waits_s[-1] <= LONGEST_WAIT_S * 1.25


def test_a_full_observations_server_is_waited_for_as_well():
    server = FlakyServer([StreamFullError("full")])
    assert patience_with(TurnedClock()).call(server) == "answer"


def test_a_server_that_does_not_let_us_in_is_not_waited_for():
    server = FlakyServer([TransportRefusedError("wrong password")])
    with pytest.raises(TransportRefusedError, match="wrong password"):
        patience_with(TurnedClock()).call(server)
    assert server.calls == 1


def test_a_process_that_has_to_end_gives_up_after_its_grace():
    clock, stop = TurnedClock(), threading.Event()
    stop.set()
    with pytest.raises(TransportDownError, match="refused"):
        patience_with(clock, stop, grace_s=5.0).call(
            FlakyServer([TransportDownError("refused")] * 100)
        )
    assert 5.0 <= clock.now_s < 5.0 + LONGEST_WAIT_S * 1.25


def test_all_held_entries_are_renewed_and_dropped_ones_are_not():
    renewed = {}
    held = Held()
    held.add("a", ["1-1", "1-2"])
    held.add("b", ["2-1"])
    held.drop("a", ["1-1"])
    Renewal(held, renewed.__setitem__).renew_once()
    assert renewed == {"a": ["1-2"], "b": ["2-1"]}
    assert len(held) == 2


def test_the_renewal_goes_on_after_the_server_was_away():
    held, went_well = Held(), threading.Event()
    held.add("a", ["1-1"])
    answers = iter([TransportDownError("refused")])

    def renew(stream, ids):
        error = next(answers, None)
        if error is not None:
            raise error
        went_well.set()

    renewal = Renewal(held, renew, every_s=0.001)
    renewal.start()
    assert went_well.wait(10)
    renewal.stop()
