"""big_XCEPTION's layers in torch, filled from the Keras file.

Source: O. Arriaga, M. Valdenegro-Toro, P. Plöger, "Real-time Convolutional Neural Networks for
Emotion and Gender Classification", 2017; weights of oarriaga/face_classification. Layers as the
file's own `model_config` describes them.

Shapes: B crops of 64 x 64.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.models.keras_file import KerasFile
from workers.models.ordered_weights import Array
from workers.models.xception_layers import EPSILON, Residual, as_input, fill_from_keras


class BigXceptionNet(nn.Module):
    """Grey crops of faces in, seven probabilities out, in the file's order."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, stride=2, bias=False)
        self.norm1 = nn.BatchNorm2d(32, eps=EPSILON)
        self.conv2 = nn.Conv2d(32, 64, 3, bias=False)
        self.norm2 = nn.BatchNorm2d(64, eps=EPSILON)
        self.residual1 = Residual(64, 128, side=29)
        self.residual2 = Residual(128, 256, side=15, rectify=True)
        self.last = nn.Conv2d(256, 7, 3, padding=1)

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
        x = self.last(self.residual2(self.residual1(x))).mean(dim=(2, 3))
        return (torch.softmax(x, dim=1),)


def load_big_xception() -> BigXceptionNet:
    """Build the network from the verified weights `big_xception`.

    Raises:
        WeightsMissingError, WeightsHashError: see `workers.weights.read_weights`.
        WeightsFormatError: the file holds another network.
    """
    net = BigXceptionNet()
    fill_from_keras(net, "big_xception", _arrays)
    return net


def _arrays(file: KerasFile) -> Iterator[Array]:
    """Yield the file's tensors in the order of `BigXceptionNet`'s state."""
    for first in (1, 2):
        yield from (file.kernel(f"conv2d_{first}"), *file.norm(f"block1_conv{first}_bn"))
    for block in (1, 2):
        yield file.kernel(f"conv2d_{2 + block}")
        yield from file.norm(f"batch_normalization_{block}")
        for part in (1, 2):
            yield from file.separable(f"separable_conv2d_{2 * block + part - 2}")
            yield from file.norm(f"block{1 + block}_sepconv{part}_bn")
    yield file.kernel("conv2d_5")
    yield file.tensor("conv2d_5", "bias")
