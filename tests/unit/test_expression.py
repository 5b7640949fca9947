"""Blending expression networks, and refusing files that hold something else."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from workers.errors import WeightsFormatError
from workers.models.faceapi_expression_net import read_tensors
from workers.models.keras_file import KerasFile
from workers.models.xception_blend import FLOOR, WEIGHTS, blend

RAW = hnp.arrays(np.float32, (3, 4, 7), elements=st.floats(0.0, 1.0, width=32))


def normalised(raw: np.ndarray) -> list[np.ndarray]:
    return list((raw + 1e-3) / (raw + 1e-3).sum(axis=2, keepdims=True))


@given(RAW)
def test_a_blend_is_a_distribution_over_the_seven(raw):
    pooled = blend(normalised(raw))
    assert pooled.shape == (4, 7)
    assert (pooled > 0).all()
    assert pooled.sum(axis=1) == pytest.approx(1.0, abs=1e-5)


@given(RAW)
def test_a_blend_lies_between_what_its_networks_find_likely(raw):
    """Where all networks agree that one class is likelier than another, so does the blend."""
    probs = normalised(raw)
    pooled = blend(probs)
    agreed = np.all([p[:, 0] > p[:, 1] + 1e-3 for p in probs], axis=0)
    assert (pooled[agreed, 0] > pooled[agreed, 1]).all()


@given(RAW)
def test_the_order_of_the_faces_does_not_matter(raw):
    probs = normalised(raw)
    turned = blend([p[::-1] for p in probs])
    assert turned[::-1] == pytest.approx(blend(probs), abs=1e-6)


def test_one_network_alone_cannot_rule_a_class_out():
    sure = np.array([[1, 0, 0, 0, 0, 0, 0]], np.float32)
    other = np.array([[0.02, 0.9, 0.02, 0.02, 0.02, 0.01, 0.01]], np.float32)
    pooled = blend([other, other, sure])
    least = (FLOOR / (1 + FLOOR)) ** WEIGHTS[2]
    assert pooled[0, 1] > least * pooled[0, 0]


def test_networks_that_agree_are_believed_less_than_each_believes_itself():
    """The sum of the weights is below one: measured, each is too sure of itself."""
    sure = np.array([[0.94, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01]], np.float32)
    assert 0.5 < blend([sure] * 3)[0, 0] < 0.94


LAYOUT = [
    {
        "weights": [
            {"name": "a", "shape": [2], "quantization": {"scale": 0.5, "min": -1.0}},
            {"name": "b", "shape": [1]},
        ]
    }
]


def test_quantised_tensors_are_scaled_and_the_others_taken_as_they_are():
    data = bytes([0, 4]) + np.float32(2.5).tobytes()
    found = read_tensors(data, json.dumps(LAYOUT).encode())
    assert found["a"].tolist() == [-1.0, 1.0]
    assert found["b"].tolist() == [2.5]


@pytest.mark.parametrize(("data", "message"), [(bytes(5), "beyond"), (bytes(7), "1 bytes left")])
def test_a_file_and_a_layout_that_do_not_go_together_are_refused(data, message):
    with pytest.raises(WeightsFormatError, match=message):
        read_tensors(data, json.dumps(LAYOUT).encode())


def test_what_is_not_a_keras_file_is_refused():
    with pytest.raises(WeightsFormatError, match="big_xception: not a Keras model"):
        KerasFile(b"something else", "big_xception")
