"""A frames server that is slow, full or away, in turned time: newest frames win, none is kept."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from ingest.backlog import PATIENCE_NS, Backlog
from ingest.backoff import Backoff
from ingest.camera_state import CameraState
from ingest.publisher import FramePublisher, ServerRest
from schemas.messages import Frame

NS = 1_000_000_000
MS = 1_000_000
TIMEOUT_NS = 2 * NS


class TurnedTime:
    """The machine's clock, the camera behind its socket, and the server; all in one thread."""

    def __init__(self, server: Callable[[int], int]) -> None:
        self.now_ns = 1_000 * NS
        self.work_ns = 20 * MS  # of the reader, for each sampled frame
        self.jitter_ns = lambda: 0  # of the network
        self.sent_at: list[tuple[int, int]] = []  # captured_at, and when its sending began
        self._server = server
        self._newest = 0

    def clock(self) -> int:
        return self.now_ns

    def xadd(self, *_: object, **__: object) -> bytes:
        try:
            took_ns = self._server(self.now_ns)
        except redis.TimeoutError:
            self.now_ns += TIMEOUT_NS
            raise
        self.sent_at.append((self._newest, self.now_ns))
        self.now_ns += took_ns
        return b"1-0"

    def expire(self, *_: object) -> bool:
        return True

    def xtrim(self, *_: object, **__: object) -> int:
        return 0

    def read(self, publisher: FramePublisher, fps: float, seconds: float, jpeg: bytes) -> None:
        """A reader's loop: each frame as soon as it is there and the last one is dealt with."""
        first_ns = self.now_ns
        for number in range(round(seconds * fps)):
            self._newest = first_ns + round(number * NS / fps)
            self.now_ns = max(self.now_ns, self._newest + self.jitter_ns()) + self.work_ns
            publisher.publish(a_frame(self._newest, number), jpeg)


def a_frame(captured_at: int, seq: int) -> Frame:
    return Frame(
        room_id="r1", camera_id="c1", epoch="e1", seq=seq, captured_at=captured_at,
        width=640, height=360,
    )  # fmt: skip


def run(
    server: Callable[[int], int],
    *,
    fps: float = 5.0,
    seconds: float = 60.0,
    jitter_ns: Callable[[], int] = lambda: 0,
) -> tuple[TurnedTime, dict[str, int], CameraState]:
    time = TurnedTime(server)
    time.jitter_ns = jitter_ns
    state = CameraState("r1", "c1", time.clock)
    rest = ServerRest(Backoff(random.Random(1), first_s=0.25, cap_s=2.0), time.clock)
    publisher = FramePublisher(time, state, rest, maxlen=20)  # type: ignore[arg-type]
    time.read(publisher, fps, seconds, b"jpeg")
    return time, state.report().refused, state


def oldest_ms(time: TurnedTime) -> float:
    return max(began_ns - captured_at for captured_at, began_ns in time.sent_at) / MS


@pytest.mark.parametrize("answer_ms", [1, 50, 179])
def test_a_server_that_keeps_up_gets_every_frame(answer_ms: int) -> None:
    time, refused, _ = run(lambda _: answer_ms * MS)
    assert refused == {}
    assert len(time.sent_at) == 300
    assert oldest_ms(time) == 20


@pytest.mark.parametrize("answer_ms", [185, 201, 250, 400, 1000, 1900])
def test_a_slow_server_gets_the_newest_frames_for_as_long_as_it_is_slow(answer_ms: int) -> None:
    time, refused, state = run(lambda _: answer_ms * MS, seconds=3600)
    assert oldest_ms(time) <= PATIENCE_NS / MS + 20
    assert refused.keys() == {"slow"}
    assert len(time.sent_at) + refused["slow"] == 18_000
    assert state.report().published == len(time.sent_at)
    # Nearly as many as it can take: each time what waits is looked through, and one waited for.
    assert len(time.sent_at) >= 3_600_000 / (1.1 * answer_ms + 250)


def test_a_camera_that_sends_in_bursts_is_not_taken_for_a_slow_server() -> None:
    """Every second what the network held back for up to 1 s; the server answers at once."""
    chance = random.Random(5)
    time, refused, _ = run(lambda _: MS, jitter_ns=lambda: chance.randrange(NS))
    assert refused == {}
    assert len(time.sent_at) == 300


@pytest.mark.parametrize("answer_ms", [400, 1500])
def test_a_slow_server_gets_frames_from_a_camera_that_sends_in_bursts(answer_ms: int) -> None:
    chance = random.Random(5)
    time, refused, _ = run(
        lambda _: answer_ms * MS, seconds=600, jitter_ns=lambda: chance.randrange(NS // 2)
    )
    assert refused.keys() == {"slow"}
    assert len(time.sent_at) >= 600_000 / (answer_ms + 1200)
    assert oldest_ms(time) <= 2 * PATIENCE_NS / MS + 100


def test_one_long_answer_costs_the_frames_that_came_meanwhile_and_no_more() -> None:
    answers = iter([MS, 1500 * MS])
    time, refused, _ = run(lambda _: next(answers, MS), seconds=10)
    sent = [round((captured_at - 1_000 * NS) / (200 * MS)) for captured_at, _ in time.sent_at]
    assert sent == [0, 1, *range(sent[2], 50)]
    assert 5 <= refused["slow"] == sent[2] - 2 <= 8


def test_a_server_that_hangs_costs_frames_and_the_first_one_afterwards_is_new() -> None:
    healed_ns = 1_030 * NS

    def server(now_ns: int) -> int:
        if now_ns < healed_ns:
            raise redis.TimeoutError("no answer")
        return MS

    time, refused, _ = run(server)
    captured_at, began_ns = time.sent_at[0]
    assert began_ns >= healed_ns
    assert began_ns - captured_at <= PATIENCE_NS
    assert sum(refused.values()) + len(time.sent_at) == 300
    assert refused["down"] > 100


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (redis.OutOfMemoryError, "full"),
        (redis.ConnectionError, "down"),
        (redis.TimeoutError, "down"),
    ],
)
def test_refused_frames_are_counted_by_cause_and_none_is_kept(
    error: type[Exception], cause: str
) -> None:
    def server(_: int) -> int:
        raise error("no")

    time = TurnedTime(server)
    state = CameraState("r1", "c1", time.clock)
    rest = ServerRest(Backoff(random.Random(1), first_s=0.25, cap_s=2.0), time.clock)
    publisher = FramePublisher(time, state, rest, maxlen=20)  # type: ignore[arg-type]
    time.read(publisher, 5.0, 20, bytes(100_000))
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(200):
        time.read(publisher, 5.0, 2, bytes(100_000))
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    refused = state.report().refused
    assert refused[cause] > 0.3 * 2100
    assert sum(refused.values()) == 2100
    assert grown < 50_000  # not one picture


@given(st.lists(st.tuples(st.integers(0, 3 * NS), st.integers(0, 3 * NS)), max_size=40))
def test_no_camera_is_left_out_for_long(steps: list[tuple[int, int]]) -> None:
    """However frames and answers come: what is left out is less than what the answers took."""
    backlog, captured_at, now_ns, took_ns, left_out_ns = Backlog(), 10 * NS, 10 * NS, 0, 0
    for moved_ns, answer_ns in steps:
        captured_at += moved_ns
        now_ns = max(now_ns, captured_at)
        if backlog.is_too_old(captured_at, now_ns):
            left_out_ns += moved_ns
        else:
            now_ns += answer_ns
            took_ns += answer_ns
            backlog.took(now_ns)
    assert left_out_ns <= took_ns + PATIENCE_NS
