"""Which shapes get a graph, and which graph goes. No GPU: what a graph does is not shown here."""

import pytest
import torch

from workers.device.graphs import CAPTURE_AT, Graphs

CUDA = torch.device("cuda")  # only named, never used


class Noted(Graphs):
    """Notes captures; a stand-in for a graph calls the function."""

    def __init__(self, most: int) -> None:
        super().__init__(CUDA, "graphs", most)
        self.captured = []

    def _capture(self, function, inputs):
        self.captured.append(tuple(inputs[0].shape))

        class Replay:
            def replay(self, values):
                return function(*values)

        return Replay()


def double(value: torch.Tensor) -> tuple[torch.Tensor]:
    return (value * 2,)


@pytest.mark.parametrize("mode", ["graphs", "compile", "eager"])
def test_on_a_cpu_every_mode_is_the_plain_call(mode):
    (value,) = Graphs(torch.device("cpu"), mode).run("double", double, torch.ones(3))
    assert value.tolist() == [2, 2, 2]


def test_a_shape_that_comes_again_and_again_gets_a_graph_once():
    graphs = Noted(most=4)
    for _ in range(CAPTURE_AT + 3):
        assert graphs.run("double", double, torch.ones(3))[0].tolist() == [2, 2, 2]
    assert graphs.captured == [(3,)]


def test_pictures_that_come_once_get_none():
    graphs = Noted(most=4)
    for side in range(1, 500):
        graphs.run("double", double, torch.ones(side))
    assert graphs.captured == []
    assert len(graphs._seen) <= 401


def test_the_least_used_graph_goes_when_there_are_too_many():
    graphs = Noted(most=2)
    for side in (1, 2, 1, 3):
        for _ in range(CAPTURE_AT):
            graphs.run("double", double, torch.ones(side))
    assert graphs.captured == [(1,), (2,), (3,)]
    assert [key[1][0][0] for key in graphs._kept] == [1, 3]


def test_functions_with_one_shape_do_not_share_a_graph():
    graphs = Noted(most=4)
    for _ in range(CAPTURE_AT):
        graphs.run("double", double, torch.ones(3))
        graphs.run("triple", lambda value: (value * 3,), torch.ones(3))
    assert graphs.run("triple", double, torch.ones(3))[0].tolist() == [3, 3, 3]


def test_after_clearing_shapes_are_learnt_anew():
    graphs = Noted(most=4)
    for _ in range(CAPTURE_AT):
        graphs.run("double", double, torch.ones(3))
    graphs.clear()
    graphs.run("double", double, torch.ones(3))
    assert len(graphs.captured) == 1
    assert not graphs._kept
