"""Suppression in a fixed number of rounds gives what greedy suppression gives."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.device.suppress import keep_best
from workers.geometry import boxes as host


def crowd(seed: int, count: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, spread, (count, 2))
    boxes = np.concatenate((corner, corner + rng.uniform(5, 40, (count, 2))), axis=1)
    return boxes.astype(np.float32), np.sort(rng.uniform(0, 1, count).astype(np.float32))[::-1]


@settings(deadline=None, max_examples=80)
@given(
    st.integers(0, 10_000),
    st.integers(1, 60),
    st.floats(20, 400),
    st.floats(0.1, 0.7),
    st.sampled_from([0.3, 0.6, 1.0]),
)
def test_what_stays_is_what_greedy_suppression_keeps(seed, count, spread, max_iou, covered):
    boxes, confidence = crowd(seed, count, spread)
    everything = torch.ones((1, count), dtype=torch.bool)
    stays, final = keep_best(
        torch.from_numpy(boxes[None]), everything, max_iou, covered, rounds=count + 1
    )
    assert final.item()
    theirs = host.keep_best(boxes, confidence, max_iou, covered)
    assert np.flatnonzero(stays[0]).tolist() == theirs.tolist()


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 10_000), st.floats(20, 400), st.integers(1, 6))
def test_an_answer_that_says_it_is_final_is(seed, spread, rounds):
    boxes, confidence = crowd(seed, 50, spread)
    stays, final = keep_best(
        torch.from_numpy(boxes[None]), torch.ones((1, 50), dtype=torch.bool), 0.2, rounds=rounds
    )
    if final.item():
        kept = host.keep_best(boxes, confidence, 0.2)
        assert np.flatnonzero(stays[0]).tolist() == kept.tolist()


def test_a_chain_too_long_for_the_rounds_is_told():
    # Each box covers the next: 0 stays, 1 falls, 2 stays, ... needs a round a box.
    left = torch.arange(20) * 5.0
    boxes = torch.stack((left, torch.zeros(20), left + 10, torch.full((20,), 10.0)), dim=1)[None]
    everything = torch.ones((1, 20), dtype=torch.bool)
    assert not keep_best(boxes, everything, 0.3, rounds=4)[1].item()
    stays, final = keep_best(boxes, everything, 0.3, rounds=21)
    assert final.item()
    assert stays[0].tolist() == [index % 2 == 0 for index in range(20)]


def test_an_empty_place_suppresses_nothing():
    box = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 10, 10]]])
    stays, _ = keep_best(box, torch.tensor([[False, True]]), 0.3)
    assert stays.tolist() == [[False, True]]
