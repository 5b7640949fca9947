"""Replay the same kernels on new data: CUDA graphs, or torch.compile, behind one call.

A batch is some 400 small kernels; launching them one by one takes the host longer than the GPU
needs to run them. A graph is one launch. It is bound to its shapes, so batches come in few sizes.
On a CPU every mode is the plain call. Not run on a GPU yet: see `tests/gpu`.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, Literal

import structlog
import torch
from torch import Tensor

from workers.device.constants import holding

Mode = Literal["graphs", "compile", "eager"]
Outputs = tuple[Tensor, ...]
Function = Callable[..., Outputs]

CAPTURE_AT: Final = 3
"""The run in which a shape gets its graph: pictures that come once are not worth one."""
MOST_GRAPHS: Final = 48
"""The least used go first; memory stays flat whatever sizes come."""
_WARM_UP_RUNS = 3

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Captured:
    """A graph with the tensors that it reads and writes; `held` are its constants."""

    graph: torch.cuda.CUDAGraph
    inputs: Outputs
    outputs: Outputs
    held: list[Any]

    def replay(self, inputs: Outputs) -> Outputs:
        for place, value in zip(self.inputs, inputs, strict=True):
            place.copy_(value, non_blocking=True)
        self.graph.replay()
        # The next replay writes over the graph's own outputs.
        return tuple(output.clone() for output in self.outputs)


class Graphs:
    """Runs functions of tensors, and remembers graphs of those that come again and again.

    Args:
        device: on anything but CUDA functions are just called.
        mode: "graphs" captures CUDA graphs, "compile" leaves it to torch.compile's
            `reduce-overhead` (it needs a C++ compiler and up to a minute a shape).
        most: graphs to keep.
    """

    def __init__(
        self, device: torch.device, mode: Mode = "graphs", most: int = MOST_GRAPHS
    ) -> None:
        self._mode: Mode = mode if device.type == "cuda" else "eager"
        self._most = most
        self._seen: Counter[Hashable] = Counter()
        self._kept: OrderedDict[Hashable, _Captured] = OrderedDict()
        self._compiled: dict[Hashable, Function] = {}
        self._pool: Any = None  # torch gives its pools no public type

    def run(self, name: Hashable, function: Function, *inputs: Tensor) -> Outputs:
        """Return `function(*inputs)`.

        Args:
            name: with the inputs' shapes says which graph; whatever else the function depends on
                belongs into it.
            function: reads and writes tensors on the device, without a word from the host.
            inputs: on the device.
        """
        if self._mode == "eager":
            return function(*inputs)
        if self._mode == "compile":
            return self._run_compiled(name, function, inputs)
        key = (name, tuple(value.shape for value in inputs))
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key].replay(inputs)
        return self._run_new(key, function, inputs)

    def clear(self) -> None:
        """Forget all graphs and give their memory back."""
        self._kept.clear()
        self._compiled.clear()
        self._seen.clear()
        self._pool = None

    def _run_new(self, key: Hashable, function: Function, inputs: Outputs) -> Outputs:
        self._seen[key] += 1
        if self._seen[key] < CAPTURE_AT:
            if len(self._seen) > 100 * self._most:
                self._seen.clear()
            return function(*inputs)
        while len(self._kept) >= self._most:
            self._kept.popitem(last=False)
        self._kept[key] = self._capture(function, inputs)
        _log.debug("A CUDA graph was captured", action="graph_captured", graph=str(key))
        return self._kept[key].replay(inputs)

    def _capture(self, function: Function, inputs: Outputs) -> _Captured:
        """Record a graph, as torch's notes on CUDA graphs say: warm up aside, then capture."""
        static = tuple(value.clone() for value in inputs)
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM_UP_RUNS):
                function(*static)
        torch.cuda.current_stream().wait_stream(side)
        # One pool for all: graphs never run side by side, and their outputs are cloned at once.
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        with holding() as held, torch.cuda.graph(graph, pool=self._pool):
            outputs = function(*static)
        return _Captured(graph, static, outputs, held)

    def _run_compiled(self, name: Hashable, function: Function, inputs: Outputs) -> Outputs:
        if name not in self._compiled:
            if len(self._compiled) >= self._most:
                self._compiled.clear()
            self._compiled[name] = torch.compile(function, mode="reduce-overhead", dynamic=False)
        return tuple(output.clone() for output in self._compiled[name](*inputs))
