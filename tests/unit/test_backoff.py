from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from ingest.backoff import Backoff


@given(seed=st.integers(0, 1000))
def test_waits_start_within_a_second_double_and_stop_at_thirty(seed: int) -> None:
    backoff = Backoff(random.Random(seed))

    waits = [backoff.next_wait_s() for _ in range(50)]

    for wait, longest in zip(waits, [1, 2, 4, 8, 16, *[30] * 45], strict=True):
        assert longest / 2 <= wait <= longest


def test_a_connection_that_held_for_long_starts_the_waits_anew() -> None:
    backoff = Backoff(random.Random(1))
    for _ in range(6):
        backoff.next_wait_s()

    assert backoff.next_wait_s(held_s=5) > 10
    assert backoff.next_wait_s(held_s=31) <= 1


def test_a_wrong_password_is_tried_slowly_from_the_first_time() -> None:
    assert Backoff(random.Random(1)).next_wait_s(slowly=True) >= 15


def test_readers_do_not_march_in_step() -> None:
    waits = {Backoff(random.Random(seed)).next_wait_s() for seed in range(20)}

    assert len(waits) == 20
