"""The layers that mini_XCEPTION and big_XCEPTION share.

Source: O. Arriaga, M. Valdenegro-Toro, P. Plöger, "Real-time Convolutional Neural Networks for
Emotion and Gender Classification", 2017, after F. Chollet, "Xception", CVPR 2017.
"""

from collections.abc import Callable, Iterable

from torch import Tensor, nn
from torch.nn import functional

from workers.models.keras_file import KerasFile
from workers.models.ordered_weights import Array, fill_in_order
from workers.weights import read_weights

EPSILON = 1e-3
"""Of a batch normalisation: Keras' default; torch's is 1e-5."""
_LEAST = float("-inf")


class Separable(nn.Module):
    """A 3x3 convolution on each channel, then a 1x1 one, then batch normalisation."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.depth = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.point = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, outputs, H, W) of (B, inputs, H, W)."""
        out: Tensor = self.norm(self.point(self.depth(x)))
        return out


class Residual(nn.Module):
    """Two separable convolutions and a pooling, beside a 1x1 shortcut of stride 2.

    Args:
        inputs: channels in.
        outputs: channels out.
        side: of the input [cells]; decides how TensorFlow's "same" pooling pads.
        rectify: take only the positive part of the input to the convolutions, not to the shortcut.
    """

    def __init__(self, inputs: int, outputs: int, side: int, *, rectify: bool = False) -> None:
        super().__init__()
        # TensorFlow's "same" pooling at stride 2 pads one end of an even side, both of an odd one.
        before = side % 2
        self.padding = (before, 1, before, 1)
        self.rectify = rectify
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=2, bias=False)
        self.shortcut_norm = nn.BatchNorm2d(outputs, eps=EPSILON)
        self.first = Separable(inputs, outputs)
        self.second = Separable(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, outputs, ceil(side / 2), …) of (B, inputs, side, side)."""
        y = self.first(functional.relu(x) if self.rectify else x)
        y = self.second(functional.relu(y))
        y = functional.max_pool2d(functional.pad(y, self.padding, value=_LEAST), 3, stride=2)
        out: Tensor = y + self.shortcut_norm(self.shortcut(x))
        return out


def as_input(crops: Tensor, like: Tensor) -> Tensor:
    """Return grey crops (B, 64, 64) uint8 as (B, 1, 64, 64) in -1..1, of the type of `like`."""
    return crops.unsqueeze(1).to(like.dtype) / 127.5 - 1.0


def fill_from_keras(
    net: nn.Module, name: str, arrays: Callable[[KerasFile], Iterable[Array]]
) -> None:
    """Fill a network from the verified Keras file `name` and make it ready to run.

    Args:
        net: its state is filled in its own order.
        name: of the weights.
        arrays: the file's tensors in that order.

    Raises:
        WeightsMissingError, WeightsHashError: see `workers.weights.read_weights`.
        WeightsFormatError: the file holds another network.
    """
    tensors = [tensor for tensor in net.state_dict().values() if tensor.dim() > 0]
    fill_in_order(tensors, arrays(KerasFile(read_weights(name), name)), name)
    net.eval().requires_grad_(requires_grad=False)
