"""What a worker takes next, and that nothing it took is ever forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from schemas.transport import Entry, TransportDownError
from workers.batching import BatchLimits, BatchReader, KeyRotation
from workers.intake import RECLAIM_EVERY_S, Intake
from workers.metrics import WorkerMetrics
from workers.renewal import Held


@dataclass
class TurnedClock:
    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class ScriptedSource:
    """Answers reads from a list; an exception in the list is raised."""

    answers: list[list[Entry] | Exception] = field(default_factory=list)
    left_behind: list[Entry] = field(default_factory=list)
    claimed: int = 0

    def read(self, streams: Sequence[str], count: int, block_ms: int | None) -> list[Entry]:
        answer = self.answers.pop(0) if self.answers else []
        if isinstance(answer, Exception):
            raise answer
        return answer

    def reclaim_one(self, stream: str) -> Entry | None:
        if not self.left_behind or self.left_behind[0].stream != stream:
            return None
        self.claimed += 1
        return self.left_behind.pop(0)


def intake_over(source: ScriptedSource, clock: TurnedClock) -> tuple[Intake, Held]:
    held = Held()
    rotation = KeyRotation(["a", "b"], clock)
    reader = BatchReader(rotation, BatchLimits(max_frames=4, linger_s=0.0), clock)
    metrics = WorkerMetrics(CollectorRegistry())
    return Intake(source, rotation, reader, held, metrics=metrics, monotonic=clock), held


def entry(stream: str, number: int) -> Entry:
    return Entry(stream, f"{number}-0", {})


def test_what_came_before_the_server_went_away_is_still_worked_on():
    source = ScriptedSource([[entry("a", 1)], TransportDownError("reset"), [entry("a", 2)]])
    intake, held = intake_over(source, TurnedClock())
    assert intake.next_entries() == [entry("a", 1)]
    assert held.snapshot() == {"a": ["1-0"]}
    assert intake.next_entries() == [entry("a", 2)]


def test_a_server_that_is_away_before_anything_came_is_the_callers_business():
    intake, held = intake_over(ScriptedSource([TransportDownError("refused")]), TurnedClock())
    with pytest.raises(TransportDownError, match="refused"):
        intake.next_entries()
    assert len(held) == 0


def test_entries_of_a_dead_worker_come_one_at_a_time_and_are_claimed_only_then():
    source = ScriptedSource(left_behind=[entry("a", 1), entry("a", 2), entry("b", 3)])
    intake, held = intake_over(source, TurnedClock())
    assert intake.next_entries() == [entry("a", 1)]
    assert source.claimed == len(held) == 1
    assert intake.next_entries() == [entry("a", 2)]
    assert intake.next_entries() == [entry("b", 3)]


def test_dead_workers_are_looked_for_twice_a_second():
    clock, source = TurnedClock(), ScriptedSource()
    intake, _ = intake_over(source, clock)
    assert intake.next_entries() == []
    source.left_behind = [entry("b", 1)]
    assert intake.next_entries() == []
    clock.now_s += RECLAIM_EVERY_S
    assert intake.next_entries() == [entry("b", 1)]


def test_an_entry_given_back_is_renewed_no_more_and_its_stream_rests():
    clock = TurnedClock()
    source = ScriptedSource([[entry("a", 1)]])
    intake, held = intake_over(source, clock)
    (taken,) = intake.next_entries()
    intake.give_back(taken, for_s=5.0)
    assert len(held) == 0
    assert intake.streams_aside == ["a"]
    clock.now_s += 5.0
    assert intake.streams_aside == []
