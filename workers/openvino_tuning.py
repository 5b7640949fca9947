"""What makes OpenVINO's networks fast on a CPU beyond its defaults: shapes, kernels, precision.

Measured on one core of a Zen 4 with AVX-512 and bf16, interleaved with the defaults, while others
used the machine: fixed shapes took .55 to .75 of the time of free ones; other kernels .6 (bf16)
and .7 (f32) for the landmark network, .85 (f32) for YuNet. `docs/performance.md` has the figures.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import numpy as np
import openvino
from numpy.typing import NDArray

Outputs = tuple[NDArray[np.float32], ...]

_FIX_FROM_USE: Final = 3
"""A shape that comes this often gets a network of its own: compiling one takes .1 to .5 s."""
_MOST_FIXED: Final = 12
_MOST_COUNTED: Final = 512
_CPUINFO: Final = Path("/proc/cpuinfo")
_FEW_CHANNELS_KERNELS: Final = "cpu:jit_avx512_1x1,cpu:jit_avx512,cpu:jit_avx512_dw"


def has_bf16(core: openvino.Core) -> bool:
    """Whether this CPU computes in bf16; elsewhere `fast` is the same as `exact`."""
    return "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def suits_few_channels_kernels() -> bool:
    """Whether this CPU has AVX-512 and no AMX, whose kernels are better left to OpenVINO."""
    if not _CPUINFO.exists():
        return False
    flags = set(_CPUINFO.read_text(encoding="utf-8").split())
    return {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags and "amx_tile" not in flags


def tune_graph(graph: bytes, *, exact_layers: Collection[str], few_channels: bool) -> bytes:
    """Write hints for single convolutions into a network's description (its XML).

    Args:
        graph: as OpenVINO saved it; made by us, never by a stranger.
        exact_layers: names of torch modules that stay in f32 also where the rest is bf16.
        few_channels: prefer kernels that are quicker where channels are few (8 to 128); only for
            a CPU of `suits_few_channels_kernels`.
    """
    if not exact_layers and not few_channels:
        return graph
    root = ET.fromstring(graph)  # noqa: S314  verified by its hash, see above
    for layer in root.iter("layer"):
        if layer.get("type") not in {"Convolution", "GroupConvolution"}:
            continue
        # A name is like `__module.head8.depth/aten::_convolution/Convolution`.
        if not set(layer.get("name", "").split("/")[0].split(".")).isdisjoint(exact_layers):
            _hint(layer, "precise", None)
        elif few_channels:
            _hint(layer, "primitives_priority", _FEW_CHANNELS_KERNELS)
    return ET.tostring(root)


def _hint(layer: ET.Element, name: str, value: str | None) -> None:
    info = layer.find("rt_info")
    if info is None:
        info = ET.Element("rt_info")
        data = layer.find("data")
        # The format wants it right behind the data.
        layer.insert(0 if data is None else list(layer).index(data) + 1, info)
    hint = ET.SubElement(info, "attribute", name=name, version="0")
    if value is not None:
        hint.set("value", value)


class ShapedNetwork:
    """A network compiled for any shape, and once more for each shape that comes often.

    A network of fixed shape plans its memory once; one of free shape asks for it anew, which costs
    page faults and cache misses. One thread at a time.

    Args:
        compile_model: compiles an OpenVINO model.
        model: with free axes.
    """

    def __init__(
        self,
        compile_model: Callable[[openvino.Model], openvino.CompiledModel],
        model: openvino.Model,
    ) -> None:
        self._compile = compile_model
        self._model = model
        self._free: Any = None
        self._fixed: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self._uses: Counter[tuple[int, ...]] = Counter()

    def __call__(self, batch: NDArray[np.uint8]) -> Outputs:
        """Run one batch; the outputs are the caller's to keep."""
        request = self._request(batch.shape)
        results = request.infer(
            [np.ascontiguousarray(batch)], share_inputs=True, share_outputs=True
        )
        # Copied once: the next run writes into the same memory.
        return tuple(np.array(results[index]) for index in range(len(results)))

    def _request(self, shape: tuple[int, ...]) -> Any:  # noqa: ANN401  openvino is untyped
        if shape in self._fixed:
            self._fixed.move_to_end(shape)
            return self._fixed[shape]
        if len(self._uses) >= _MOST_COUNTED:
            self._uses.clear()
        self._uses[shape] += 1
        if self._uses[shape] >= _FIX_FROM_USE:
            return self._fix(shape)
        if self._free is None:
            self._free = self._compile(self._model).create_infer_request()
        return self._free

    def _fix(self, shape: tuple[int, ...]) -> Any:  # noqa: ANN401  openvino is untyped
        model = self._model.clone()
        model.reshape(list(shape))
        self._fixed[shape] = self._compile(model).create_infer_request()
        if len(self._fixed) > _MOST_FIXED:
            self._fixed.popitem(last=False)
        return self._fixed[shape]
