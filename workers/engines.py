"""Run a network on a device: torch on a GPU, OpenVINO on a CPU, behind one small interface.

Arrays go in and come out as numpy; tensors stay inside. OpenVINO's networks are converted from the
very torch modules that run on a GPU, once, and kept in the cache folder: later starts need no
torch, which saves seconds and hundreds of megabytes.
"""

import hashlib
import importlib
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import openvino
import structlog
from numpy.typing import NDArray

from schemas.analysis import Precision
from workers import openvino_tuning
from workers.errors import EngineError
from workers.openvino_tuning import (
    ShapedNetwork,
    has_bf16,
    suits_few_channels_kernels,
    tune_graph,
)
from workers.user_weights import read_any_weights
from workers.weights import cache_folder

if TYPE_CHECKING:
    import torch

_OWN_IMPORT = re.compile(r"^from workers\.models\.(\w+) import", re.MULTILINE)

_log = structlog.get_logger(__name__)

EngineName = Literal["torch", "openvino"]
Outputs = openvino_tuning.Outputs


class Network(Protocol):
    """A loaded network: a batch (B, …) of uint8 in, one array (B, …) for each output out."""

    def __call__(self, batch: NDArray[np.uint8]) -> Outputs:
        """Run one batch."""


Engine = Callable[["NetworkSpec"], Network]
"""Loads a network."""


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """Which network, and what goes in.

    Attributes:
        name: for messages and the cache.
        weights: entry of the weights' manifest, or of `workers.user_weights`.
        builder: `module:function` that returns the torch module with its weights.
        example_shape: of an input that exercises the network.
        free_axes: axes of the input whose length may vary.
        exact_layers: convolutions, by the name of their torch module, that stay f32 where the
            others are bf16.
        always_exact: stays f32 as a whole, because bf16 changes its answers too much.
        few_channels: most of its convolutions have few channels, see `workers.openvino_tuning`.
    """

    name: str
    weights: str
    builder: str
    example_shape: tuple[int, ...]
    free_axes: tuple[int, ...] = (0,)
    exact_layers: tuple[str, ...] = ()
    few_channels: bool = False
    always_exact: bool = False

    def build(self) -> "torch.nn.Module":
        """Build the torch module (this imports torch)."""
        module, function = self.builder.split(":")
        built: torch.nn.Module = getattr(importlib.import_module(module), function)()
        return built


def run_in_batches(network: Network, inputs: NDArray[np.uint8], size: int) -> Outputs:
    """Run `inputs` (N, …), N ≥ 1, in batches of at most `size`; outputs (N, …)."""
    parts = [network(inputs[start : start + size]) for start in range(0, len(inputs), size)]
    return tuple(np.concatenate(output) for output in zip(*parts, strict=True))


def torch_engine(device: str, threads: int) -> Engine:
    """Return the engine that runs torch modules in f32 (cuDNN uses TF32 where a GPU has it).

    Not bf16: its eight bits leave the landmarks, up to 256, a grid of one pixel.

    Raises:
        EngineError: torch sees no such device.
    """
    import torch  # noqa: PLC0415  seconds and hundreds of megabytes that OpenVINO does without

    if device == "cuda" and not torch.cuda.is_available():
        raise EngineError("torch sees no CUDA device; use device='cpu' or check the driver")
    torch.set_num_threads(threads)

    def load(spec: NetworkSpec) -> Network:
        module = spec.build().to(device).to(memory_format=torch.channels_last)

        def run(batch: NDArray[np.uint8]) -> Outputs:
            with torch.inference_mode():
                outputs = module(torch.from_numpy(batch).to(device))
            return tuple(output.float().cpu().numpy() for output in outputs)

        return run

    return load


def openvino_engine(threads: int, precision: Precision = "exact") -> Engine:
    """Return the engine that runs compiled networks on the CPU.

    Args:
        threads: of the CPU.
        precision: `exact` computes in f32; `fast` in bf16 where the CPU has it and the network
            bears it, else in f32 too.
    """
    core = openvino.Core()
    fast = precision == "fast" and has_bf16(core)
    if precision == "fast" and not fast:
        _log.warning("this CPU has no bf16: 'fast' is 'exact' here", action="precision_fallback")
    # Left to itself, OpenVINO takes bf16 where the CPU has it: up to .7 degrees of pose away.
    options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}

    def load(spec: NetworkSpec) -> Network:
        graph, values = _converted(spec)
        in_bf16 = fast and not spec.always_exact
        chosen = {**options, "INFERENCE_PRECISION_HINT": "bf16" if in_bf16 else "f32"}
        tuned = tune_graph(
            graph,
            exact_layers=spec.exact_layers if in_bf16 else (),
            few_channels=spec.few_channels and suits_few_channels_kernels(),
        )
        model = core.read_model(tuned, openvino.Tensor(np.frombuffer(values, np.uint8)))
        return ShapedNetwork(lambda model: core.compile_model(model, "CPU", chosen), model)

    return load


def cpu_has_bf16() -> bool:
    """Whether `fast` differs from `exact` on this CPU."""
    return has_bf16(openvino.Core())


def _converted(spec: NetworkSpec) -> tuple[bytes, bytes]:
    """Return a network's graph (XML) and values, from the cache or converted and put there.

    Raises:
        EngineError: the cache cannot keep it.
    """
    folder = cache_folder() / "openvino" / f"{spec.name}-{_fingerprint(spec)}"
    found = _read_converted(folder)
    if found is None:
        _keep_converted(_convert(spec), folder)
        found = _read_converted(folder)
    if found is None:
        raise EngineError(f"the converted network {spec.name} cannot be read again from {folder}")
    return found


def _fingerprint(spec: NetworkSpec) -> str:
    """Name everything that the conversion depends on: weights, layers, converter."""
    digest = hashlib.sha256(read_any_weights(spec.weights))
    for source in _sources(spec.builder.split(":")[0]):
        digest.update(source)
    digest.update(f"{spec} {openvino.__version__}".encode())
    return digest.hexdigest()[:16]


def _sources(module: str) -> list[bytes]:
    """Return the text of a module and of all modules of `workers.models` that it builds on."""
    folder, waiting, read = resources.files("workers.models"), [module], dict[str, bytes]()
    while waiting:
        name = waiting.pop().rpartition(".")[2]
        if name not in read:
            read[name] = folder.joinpath(f"{name}.py").read_bytes()
            waiting += _OWN_IMPORT.findall(read[name].decode())
    return [text for _, text in sorted(read.items())]


def _read_converted(folder: Path) -> tuple[bytes, bytes] | None:
    try:
        graph, values = (folder / "net.xml").read_bytes(), (folder / "net.bin").read_bytes()
        expected = (folder / "sha256").read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    if hashlib.sha256(graph + values).hexdigest() != expected:
        # Spoilt on disk: out of the way, so that the new conversion can take its place.
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return graph, values


def _keep_converted(model: Any, folder: Path) -> None:  # noqa: ANN401  openvino is untyped
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as parent:
        new = Path(parent) / folder.name
        new.mkdir()
        openvino.save_model(model, new / "net.xml", compress_to_fp16=False)
        data = (new / "net.xml").read_bytes() + (new / "net.bin").read_bytes()
        (new / "sha256").write_text(hashlib.sha256(data).hexdigest(), encoding="ascii")
        # Another process may have been first: its folder is as good as ours.
        with suppress(OSError):
            new.rename(folder)


def _convert(spec: NetworkSpec) -> Any:  # noqa: ANN401  openvino is untyped
    import torch  # noqa: PLC0415  see torch_engine

    shape = [-1 if axis in spec.free_axes else side for axis, side in enumerate(spec.example_shape)]
    with warnings.catch_warnings():
        # OpenVINO's converter traces the module. Its other way, torch.export, takes the PReLUs
        # apart, and the landmarks then take three times as long.
        warnings.filterwarnings("ignore", r"`torch\.jit\.", FutureWarning)
        return openvino.convert_model(
            spec.build(),
            example_input=torch.zeros(spec.example_shape, dtype=torch.uint8),
            input=[openvino.PartialShape(shape)],
        )
