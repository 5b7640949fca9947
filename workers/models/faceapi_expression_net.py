"""face-api's expression network in torch, filled from its eight-bit weights.

Source: justadudewhohacks/face-api.js (FaceExpressionNet: four dense blocks of depthwise separable
convolutions, an average, one full layer), as vladmandic/face-api continues it; dense connections
after G. Huang et al., "Densely Connected Convolutional Networks", CVPR 2017, but added, not joined.

Shapes: B crops of 112 x 112.
"""

import json
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.errors import WeightsFormatError
from workers.models.ordered_weights import Array, fill_in_order
from workers.weights import read_weights

_MEAN_RGB = (122.782, 117.001, 104.298)
_CHANNELS = (3, 32, 64, 128, 256)
# TensorFlow's "same" at stride 2 pads an even side at its far end only: torch's padding cannot.
_FAR_END = (0, 1, 0, 1)


class _Separable(nn.Module):
    """A 3x3 convolution on each channel, then a 1x1 one; stride 2 halves an even side."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        padding = 1 if stride == 1 else 0
        self.padding = (0, 0, 0, 0) if stride == 1 else _FAR_END
        self.depth = nn.Conv2d(
            inputs, inputs, 3, stride=stride, padding=padding, groups=inputs, bias=False
        )
        self.point = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.point(self.depth(functional.pad(x, self.padding)))
        return out


class _DenseBlock(nn.Module):
    """Four convolutions; each sees the sum of what those before it gave."""

    def __init__(self, inputs: int, outputs: int, *, is_first: bool) -> None:
        super().__init__()
        if is_first:
            self.enter: nn.Module = nn.Sequential(
                nn.ZeroPad2d(_FAR_END), nn.Conv2d(inputs, outputs, 3, stride=2)
            )
        else:
            self.enter = _Separable(inputs, outputs, stride=2)
        self.then = nn.ModuleList(_Separable(outputs, outputs) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        total = functional.relu(self.enter(x))
        for layer in self.then:
            # The sum itself is not cut off at zero, only what the next layer sees of it.
            total = total + layer(functional.relu(total))
        return functional.relu(total)


class FaceApiExpressionNet(nn.Module):
    """Colour crops of faces in, seven probabilities out, in the file's order."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN_RGB).reshape(3, 1, 1), persistent=False)
        pairs = pairwise(_CHANNELS)
        self.blocks = nn.Sequential(
            *(_DenseBlock(a, b, is_first=number == 0) for number, (a, b) in enumerate(pairs))
        )
        self.last = nn.Linear(256, 7)

    def forward(self, crops: Tensor) -> tuple[Tensor]:
        """Run the network.

        Args:
            crops: (B, 112, 112, 3) uint8 RGB.

        Returns:
            Probabilities (B, 7): neutral, happy, sad, angry, fearful, disgusted, surprised.
        """
        x = crops.permute(0, 3, 1, 2).to(self.last.weight.dtype)
        x = self.blocks((x - self.mean) / 255.0).mean(dim=(2, 3))
        return (torch.softmax(self.last(x), dim=1),)


def load_faceapi_expression() -> FaceApiExpressionNet:
    """Build the network from the verified weights `faceapi_expression`.

    Raises:
        WeightsMissingError, WeightsHashError: see `workers.weights.read_weights`.
        WeightsFormatError: the file holds another network.
    """
    net = FaceApiExpressionNet()
    found = read_tensors(
        read_weights("faceapi_expression"), read_weights("faceapi_expression_layout")
    )
    fill_in_order(net.state_dict().values(), _arrays(found), "faceapi_expression")
    return net.eval().requires_grad_(requires_grad=False)


def read_tensors(data: bytes, layout: bytes) -> dict[str, Array]:
    """Return the tensors by name, as TensorFlow.js reads them.

    Args:
        data: the tensors one behind the other: float32, or uint8 where they are quantised.
        layout: JSON, `[{"weights": [{"name", "shape", "quantization": {"scale", "min"}}, …]}]`.

    Raises:
        WeightsFormatError: the two do not go together.
    """
    tensors: dict[str, Array] = {}
    offset = 0
    for entry in (entry for group in json.loads(layout) for entry in group["weights"]):
        count = int(np.prod(entry["shape"]))
        quantised = entry.get("quantization")
        dtype = np.dtype(np.uint8 if quantised else np.float32)
        end = offset + count * dtype.itemsize
        if end > len(data):
            raise WeightsFormatError(f"faceapi_expression: {entry['name']} ends beyond the file")
        values = np.frombuffer(data[offset:end], dtype).reshape(entry["shape"])
        if quantised:
            values = values * quantised["scale"] + quantised["min"]
        tensors[entry["name"]] = values.astype(np.float32)
        offset = end
    if offset != len(data):
        raise WeightsFormatError(f"faceapi_expression: {len(data) - offset} bytes left over")
    return tensors


def _arrays(tensors: dict[str, Array]) -> Iterator[Array]:
    """Yield the file's tensors in the order of `FaceApiExpressionNet`'s state."""
    for block in range(4):
        for layer in range(4):
            name = f"dense{block}/conv{layer}"
            if f"{name}/filters" in tensors:
                yield tensors[f"{name}/filters"].transpose(3, 2, 0, 1)
            else:
                yield tensors[f"{name}/depthwise_filter"].transpose(2, 3, 0, 1)
                yield tensors[f"{name}/pointwise_filter"].transpose(3, 2, 0, 1)
            yield tensors[f"{name}/bias"]
    yield tensors["fc/weights"].T
    yield tensors["fc/bias"]
