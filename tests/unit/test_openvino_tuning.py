"""Hints for OpenVINO's kernels, and networks that are compiled for the shapes that come often."""

import xml.etree.ElementTree as ET

import numpy as np
import openvino
import pytest
from openvino import opset13 as ops
from structlog.testing import capture_logs

from workers.engines import openvino_engine
from workers.openvino_tuning import ShapedNetwork, tune_graph

GRAPH = b"""<net><layers>
<layer id="0" name="x" type="Parameter"/>
<layer id="1" name="__module.stem/aten::_convolution/Convolution" type="Convolution"><data/>
<input/></layer>
<layer id="2" name="__module.head.depth/aten::_convolution/GroupConvolution"
 type="GroupConvolution"><rt_info><attribute name="other" version="0"/></rt_info></layer>
</layers></net>"""


def hints(graph: bytes) -> list[list[str | None]]:
    layers = ET.fromstring(graph).iter("layer")
    return [[hint.get("name") for hint in layer.iter("attribute")] for layer in layers]


def test_without_wishes_a_graph_stays_as_it_is():
    assert tune_graph(GRAPH, exact_layers=(), few_channels=False) == GRAPH


def test_only_convolutions_are_given_other_kernels():
    tuned = hints(tune_graph(GRAPH, exact_layers=(), few_channels=True))
    assert tuned == [[], ["primitives_priority"], ["other", "primitives_priority"]]


def test_layers_that_stay_exact_are_marked_by_a_part_of_their_modules_name():
    tuned = hints(tune_graph(GRAPH, exact_layers=("head",), few_channels=False))
    assert tuned == [[], [], ["other", "precise"]]


def test_a_hint_stands_where_the_format_wants_it_between_data_and_input():
    root = ET.fromstring(tune_graph(GRAPH, exact_layers=("stem",), few_channels=False))
    assert [part.tag for part in list(root.iter("layer"))[1]] == ["data", "rt_info", "input"]


@pytest.fixture
def doubled():
    """A network that doubles bytes, and the shapes for which it was compiled."""
    numbers = ops.parameter([-1, -1], np.uint8)
    twice = ops.multiply(ops.convert(numbers, "f32"), np.float32(2))
    core, compiled = openvino.Core(), []

    def compile_model(model):
        compiled.append(str(model.inputs[0].partial_shape))
        return core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 1})

    return ShapedNetwork(compile_model, openvino.Model([twice], [numbers])), compiled


def test_a_shape_that_comes_often_is_compiled_for_once_and_answers_the_same(doubled):
    network, compiled = doubled
    batch = np.arange(6, dtype=np.uint8).reshape(2, 3)
    answers = [network(batch)[0] for _ in range(5)]
    assert compiled == ["[?,?]", "[2,3]"]
    for answer in answers:
        assert answer == pytest.approx(batch * 2.0)


def test_many_different_shapes_compile_nothing_of_their_own(doubled):
    network, compiled = doubled
    for side in range(1, 40):
        assert network(np.ones((1, side), np.uint8))[0].shape == (1, side)
    assert compiled == ["[?,?]"]


def test_only_the_shapes_used_last_are_kept(doubled):
    network, _ = doubled
    for side in range(1, 30):
        for _ in range(3):
            network(np.ones((1, side), np.uint8))
    assert list(network._fixed) == [(1, side) for side in range(18, 30)]


def test_an_answer_is_not_overwritten_by_the_next_run(doubled):
    network, _ = doubled
    for _ in range(3):
        (first,) = network(np.full((1, 4), 1, np.uint8))
        network(np.full((1, 4), 9, np.uint8))
        assert first == pytest.approx(2.0)


def test_fast_on_a_cpu_without_bf16_says_that_it_is_exact(monkeypatch):
    monkeypatch.setattr("workers.engines.has_bf16", lambda core: False)
    with capture_logs() as said:
        openvino_engine(1, "fast")
    assert [line["action"] for line in said] == ["precision_fallback"]
