"""mini_XCEPTION's layers in torch, filled from the Keras file.

Source: O. Arriaga, M. Valdenegro-Toro, P. Plöger, "Real-time Convolutional Neural Networks for
Emotion and Gender Classification", 2017; weights of oarriaga/face_classification.

Shapes: B crops of 64 x 64.
"""

import io
from collections.abc import Iterator
from itertools import pairwise

import h5py
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.models.ordered_weights import Array, fill_in_order
from workers.weights import read_weights

_EPSILON = 1e-3  # Keras' default; torch's is 1e-5
_CHANNELS = (8, 16, 32, 64, 128)
_SIDES = (60, 30, 15, 8)
_LEAST = float("-inf")


class _Separable(nn.Module):
    """A 3x3 convolution on each channel, then a 1x1 one, then batch normalisation."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.depth = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.point = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.point(self.depth(x)))
        return out


class _Residual(nn.Module):
    """Two separable convolutions and a pooling, beside a 1x1 shortcut of stride 2."""

    def __init__(self, inputs: int, outputs: int, side: int) -> None:
        super().__init__()
        # TensorFlow's "same" pooling at stride 2 pads one end of an even side, both of an odd one.
        before = side % 2
        self.padding = (before, 1, before, 1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=2, bias=False)
        self.shortcut_norm = nn.BatchNorm2d(outputs, eps=_EPSILON)
        self.first = _Separable(inputs, outputs)
        self.second = _Separable(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(functional.relu(self.first(x)))
        y = functional.max_pool2d(functional.pad(y, self.padding, value=_LEAST), 3, stride=2)
        out: Tensor = y + self.shortcut_norm(self.shortcut(x))
        return out


class MiniXceptionNet(nn.Module):
    """Grey crops of faces in, seven probabilities out, in the file's order."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, bias=False)
        self.norm1 = nn.BatchNorm2d(8, eps=_EPSILON)
        self.conv2 = nn.Conv2d(8, 8, 3, bias=False)
        self.norm2 = nn.BatchNorm2d(8, eps=_EPSILON)
        pairs = zip(pairwise(_CHANNELS), _SIDES, strict=True)
        self.residuals = nn.Sequential(*(_Residual(a, b, side) for (a, b), side in pairs))
        self.last = nn.Conv2d(128, 7, 3, padding=1)

    def forward(self, crops: Tensor) -> tuple[Tensor]:
        """Run the network.

        Args:
            crops: (B, 64, 64) uint8 grey.

        Returns:
            Probabilities (B, 7): angry, disgust, fear, happy, sad, surprise, neutral.
        """
        x = crops.unsqueeze(1).to(self.conv1.weight.dtype) / 127.5 - 1.0
        x = functional.relu(self.norm1(self.conv1(x)))
        x = functional.relu(self.norm2(self.conv2(x)))
        x = self.last(self.residuals(x)).mean(dim=(2, 3))
        return (torch.softmax(x, dim=1),)


def load_mini_xception() -> MiniXceptionNet:
    """Build the network from the verified weights `mini_xception`.

    Raises:
        WeightsMissingError, WeightsHashError: see `workers.weights.read_weights`.
        WeightsFormatError: the file holds another network.
    """
    net = MiniXceptionNet()
    tensors = [t for t in net.state_dict().values() if t.dim() > 0]
    with h5py.File(io.BytesIO(read_weights("mini_xception")), "r") as file:
        fill_in_order(tensors, list(_arrays(file["model_weights"])), "mini_xception")
    return net.eval().requires_grad_(requires_grad=False)


def _arrays(layers: h5py.Group) -> Iterator[Array]:
    """Yield the file's tensors in the order of `MiniXceptionNet`'s state."""
    yield from (_kernel(layers, "conv2d_1"), *_norm(layers, 1))
    yield from (_kernel(layers, "conv2d_2"), *_norm(layers, 2))
    for block in range(4):
        # Keras numbers a block's three normalisations as shortcut, first, second.
        norm = 3 + 3 * block
        yield from (_kernel(layers, f"conv2d_{3 + block}"), *_norm(layers, norm))
        for part in (1, 2):
            name = f"separable_conv2d_{2 * block + part}"
            yield _tensor(layers, name, "depthwise_kernel").transpose(2, 3, 0, 1)
            yield _tensor(layers, name, "pointwise_kernel").transpose(3, 2, 0, 1)
            yield from _norm(layers, norm + part)
    yield _kernel(layers, "conv2d_7")
    yield _tensor(layers, "conv2d_7", "bias")


def _norm(layers: h5py.Group, number: int) -> list[Array]:
    name = f"batch_normalization_{number}"
    return [
        _tensor(layers, name, part) for part in ("gamma", "beta", "moving_mean", "moving_variance")
    ]


def _kernel(layers: h5py.Group, name: str) -> Array:
    return _tensor(layers, name, "kernel").transpose(3, 2, 0, 1)


def _tensor(layers: h5py.Group, layer: str, part: str) -> Array:
    return np.asarray(layers[f"{layer}/{layer}_1/{part}:0"], np.float32)
