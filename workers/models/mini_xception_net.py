"""mini_XCEPTION's layers in torch, filled from the Keras file.

Source: O. Arriaga, M. Valdenegro-Toro, P. Plöger, "Real-time Convolutional Neural Networks for
Emotion and Gender Classification", 2017; weights of oarriaga/face_classification.

Shapes: B crops of 64 x 64.
"""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.models.keras_file import KerasFile
from workers.models.ordered_weights import Array
from workers.models.xception_layers import EPSILON, Residual, as_input, fill_from_keras

_CHANNELS = (8, 16, 32, 64, 128)
_SIDES = (60, 30, 15, 8)


class MiniXceptionNet(nn.Module):
    """Grey crops of faces in, seven probabilities out, in the file's order."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, bias=False)
        self.norm1 = nn.BatchNorm2d(8, eps=EPSILON)
        self.conv2 = nn.Conv2d(8, 8, 3, bias=False)
        self.norm2 = nn.BatchNorm2d(8, eps=EPSILON)
        pairs = zip(pairwise(_CHANNELS), _SIDES, strict=True)
        self.residuals = nn.Sequential(*(Residual(a, b, side) for (a, b), side in pairs))
        self.last = nn.Conv2d(128, 7, 3, padding=1)

    def forward(self, crops: Tensor) -> tuple[Tensor]:
        """Run the network.

        Args:
            crops: (B, 64, 64) uint8 grey.

        Returns:
            Probabilities (B, 7): angry, disgust, fear, happy, sad, surprise, neutral.
        """
        x = as_input(crops, self.conv1.weight)
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
    fill_from_keras(net, "mini_xception", _arrays)
    return net


def _arrays(file: KerasFile) -> Iterator[Array]:
    """Yield the file's tensors in the order of `MiniXceptionNet`'s state."""
    for first in (1, 2):
        yield from (file.kernel(f"conv2d_{first}"), *file.norm(f"batch_normalization_{first}"))
    for block in range(4):
        # Keras numbers a block's three normalisations as shortcut, first, second.
        norm = 3 + 3 * block
        yield file.kernel(f"conv2d_{3 + block}")
        yield from file.norm(f"batch_normalization_{norm}")
        for part in (1, 2):
            yield from file.separable(f"separable_conv2d_{2 * block + part}")
            yield from file.norm(f"batch_normalization_{norm + part}")
    yield file.kernel("conv2d_7")
    yield file.tensor("conv2d_7", "bias")
