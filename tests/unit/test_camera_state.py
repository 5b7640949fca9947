from __future__ import annotations

import pytest

from ingest.camera_state import CameraState

NS = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.now_ns = 100 * NS

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(clock: Clock) -> CameraState:
    return CameraState("r1", "c1", clock)


def test_before_the_first_connection_the_camera_is_down_without_an_epoch(
    state: CameraState,
) -> None:
    status = state.take_status(at=5)

    assert (status.state, status.epoch, status.last_seq) == ("down", "", -1)
    assert status.reason == "connecting for the first time"


def test_numbers_start_anew_with_each_epoch_and_the_old_ones_are_still_reported(
    state: CameraState,
) -> None:
    state.begin_epoch("a", at=1)
    assert [state.next_seq() for _ in range(3)] == [0, 1, 2]
    state.count_refused("down")
    state.go_down("the camera dropped the connection", "dropped")
    state.begin_epoch("b", at=2)

    closed = state.take_closed()
    assert closed is not None
    assert (closed.epoch, closed.last_seq, closed.refused) == ("a", 2, 1)
    assert state.take_closed() is None
    now = state.take_status(at=3)
    assert (now.epoch, now.last_seq, now.refused, now.state) == ("b", -1, 0, "up")


def test_a_closed_epoch_that_could_not_be_reported_is_kept(state: CameraState) -> None:
    state.begin_epoch("a", at=1)
    state.begin_epoch("b", at=2)
    closed = state.take_closed()
    assert closed is not None
    state.put_back(closed)

    assert state.take_closed() == closed


def test_the_longest_gap_is_reported_once_and_silence_counts_while_it_lasts(
    state: CameraState, clock: Clock
) -> None:
    for gap_s in (0, 0.25, 0.5, 0.125):
        clock.now_ns += int(gap_s * NS)
        state.heard()

    assert state.take_status(at=1).max_gap_ms == 500
    assert state.take_status(at=2).max_gap_ms == 0
    clock.now_ns += 7 * NS
    assert state.take_status(at=3).max_gap_ms == 7000


def test_the_gap_of_a_status_that_was_lost_is_told_by_the_next(
    state: CameraState, clock: Clock
) -> None:
    state.begin_epoch("a", at=1)
    state.heard()
    clock.now_ns += 2 * NS
    state.heard()
    state.put_back(state.take_status(at=1))

    assert state.take_status(at=2).max_gap_ms == 2000


def test_a_reader_that_does_not_keep_its_word_is_overdue(state: CameraState, clock: Clock) -> None:
    assert state.overdue_s() == 0
    state.alive(12)
    clock.now_ns += 11 * NS
    assert state.overdue_s() < 0
    clock.now_ns += 3 * NS
    assert state.overdue_s() == pytest.approx(2)
    state.end("the film has ended")
    assert state.overdue_s() == 0
