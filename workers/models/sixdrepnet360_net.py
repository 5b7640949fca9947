"""6DRepNet360's layers in torch, filled from the exported ONNX file.

Source: T. Hempel, A. A. Abdelrahman, A. Al-Hamadi, "Toward Robust and Unconstrained Full Range of
Rotation Head Pose Estimation", IEEE TIP 2024; layers read off 6DRepNet360.onnx, in which every
batch normalisation is already folded into its convolution. The trunk is ResNet-50 (He et al.,
CVPR 2016) with the stride in the 3x3 convolution. The exported graph fixes the batch at 1.

The last step of the file, from six numbers to a rotation, is left to
`workers.models.sixdrepnet360`: there it is done in float64 and stays a rotation in bf16, too.

Shapes: B crops of 224 x 224.
"""

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from workers.errors import WeightsFormatError
from workers.models.ordered_weights import Array, fill_in_order
from workers.weights import read_weights

_STAGES = ((64, 64, 3, 1), (256, 128, 4, 2), (512, 256, 6, 2), (1024, 512, 3, 2))
"""Channels in and inside, blocks, and stride of the first block of each stage."""
_GROWTH = 4
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class _Block(nn.Module):
    """A bottleneck beside a shortcut, which is a convolution where the shape changes."""

    def __init__(self, inputs: int, middle: int, stride: int) -> None:
        super().__init__()
        outputs = middle * _GROWTH
        self.shrink = nn.Conv2d(inputs, middle, 1)
        self.middle = nn.Conv2d(middle, middle, 3, stride=stride, padding=1)
        self.grow = nn.Conv2d(middle, outputs, 1)
        changes = inputs != outputs or stride != 1
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=stride) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.middle(functional.relu(self.shrink(x))))
        return functional.relu(self.grow(y) + self.shortcut(x))


class SixDRepNet360Net(nn.Module):
    """Crops of heads in, six numbers out: the first two columns of a rotation, not yet square."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(_MEAN).reshape(3, 1, 1) * 255.0)
        self.register_buffer("std", torch.tensor(_STD).reshape(3, 1, 1) * 255.0)
        self.stem = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        self.blocks = nn.Sequential(*_blocks())
        self.six = nn.Linear(512 * _GROWTH, 6)

    def forward(self, crops: Tensor) -> tuple[Tensor]:
        """Run the network.

        Args:
            crops: (B, 224, 224, 3) uint8 RGB.

        Returns:
            (B, 6): two columns of three, see `workers.models.sixdrepnet360.rotations_of`.
        """
        x = (crops.permute(0, 3, 1, 2).to(self.stem.weight.dtype) - self.mean) / self.std
        x = functional.max_pool2d(functional.relu(self.stem(x)), 3, stride=2, padding=1)
        return (self.six(self.blocks(x).mean(dim=(2, 3))),)


def load_sixdrepnet360() -> SixDRepNet360Net:
    """Build the network from the verified weights `sixdrepnet360`.

    Raises:
        WeightsMissingError, WeightsHashError: see `workers.weights.read_weights`.
        WeightsFormatError: the file holds another network.
    """
    net = SixDRepNet360Net()
    fill_in_order(net.parameters(), _tensors(read_weights("sixdrepnet360")), "sixdrepnet360")
    return net.eval().requires_grad_(requires_grad=False)


def _blocks() -> list[_Block]:
    blocks = []
    for inputs, middle, count, stride in _STAGES:
        blocks.append(_Block(inputs, middle, stride))
        blocks += [_Block(middle * _GROWTH, middle, 1) for _ in range(count - 1)]
    return blocks


def _tensors(data: bytes) -> list[Array]:
    """Return weight and bias of every convolution in order, then those of the last layer."""
    graph = onnx.load_from_string(data).graph
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    layers = [node for kind in ("Conv", "Gemm") for node in graph.node if node.op_type == kind]
    names = [name for node in layers for name in node.input[1:]]
    missing = [name for name in names if name not in values]
    if missing:
        raise WeightsFormatError(f"sixdrepnet360: the file has no tensors {', '.join(missing)}")
    return [np.asarray(values[name], np.float32) for name in names]
