"""CenterFace's layers in torch, filled from the published ONNX file.

Source: Y. Xu, W. Yan, H. Sun, G. Yang, J. Luo, "CenterFace: Joint Face Detection and Alignment
Using Face as Point", 2019; layers and weights as in Star-Clouds/CenterFace's centerface.onnx: a
MobileNetV2, its four depths joined from the deepest up, one head. The published graph fixes batch
and size; this one takes any batch and any multiple of 32.

Shapes: B pictures, H x W pixels, h x w = H/4 x W/4 cells.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.errors import WeightsFormatError
from workers.models.onnx_file import convolutions
from workers.models.ordered_weights import Array, fill_in_order
from workers.weights import read_weights

_WIDTH = 24
_HEADS = 8
"""Tensors of the four heads, at the end of the file, ..."""
_HEAD_ROWS = (1, 2, 2, 10)
"""... and the channels of each: score, size, offset, points."""


class _Block(nn.Module):
    """MobileNetV2's block: widen, filter each channel, narrow; added to its input if alike."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        inner = 6 * inputs
        self.widen = nn.Conv2d(inputs, inner, 1)
        self.depth = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, groups=inner)
        self.narrow = nn.Conv2d(inner, outputs, 1)
        self.is_added = inputs == outputs and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.depth(functional.relu(self.widen(x))))
        out: Tensor = self.narrow(inner)
        return x + out if self.is_added else out


class CenterFaceNet(nn.Module):
    """RGB pictures in; for each cell of 4 x 4 pixels a score, a box and five points out."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, stride=2, padding=1)
        self.depth = nn.Conv2d(32, 32, 3, padding=1, groups=32)
        self.narrow = nn.Conv2d(32, 16, 1)
        self.to4 = nn.Sequential(_Block(16, 24, 2), _Block(24, 24))
        self.to8 = nn.Sequential(_Block(24, 32, 2), _Block(32, 32), _Block(32, 32))
        self.to16 = nn.Sequential(
            _Block(32, 64, 2), *(_Block(64, 64) for _ in range(3)),
            _Block(64, 96), *(_Block(96, 96) for _ in range(2)),
        )  # fmt: skip
        self.to32 = nn.Sequential(
            _Block(96, 160, 2), *(_Block(160, 160) for _ in range(2)), _Block(160, 320)
        )
        self.side32, self.up16 = nn.Conv2d(320, _WIDTH, 1), _doubling()
        self.side16, self.up8 = nn.Conv2d(96, _WIDTH, 1), _doubling()
        self.side8, self.up4 = nn.Conv2d(32, _WIDTH, 1), _doubling()
        self.side4 = nn.Conv2d(24, _WIDTH, 1)
        self.neck = nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1)
        self.head = nn.Conv2d(_WIDTH, 15, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Run the network.

        Args:
            images: (B, H, W, 3) uint8 RGB, H and W multiples of 32.

        Returns:
            Scores (B, h, w) in 0..1 and geometry (B, 14, h, w): log height and log width in cells,
            offset of the centre down and across in cells, then y and x of five points, in the
            box's heights and widths from its corner.
        """
        x = images.permute(0, 3, 1, 2).to(self.stem.weight.dtype)
        x = functional.relu(self.depth(functional.relu(self.stem(x))))
        c4 = self.to4(self.narrow(x))
        c8 = self.to8(c4)
        c16 = self.to16(c8)
        p = functional.relu(self.side32(self.to32(c16)))
        for up, side, features in (
            (self.up16, self.side16, c16),
            (self.up8, self.side8, c8),
            (self.up4, self.side4, c4),
        ):
            p = functional.relu(up(p)) + functional.relu(side(features))
        head = self.head(functional.relu(self.neck(p)))
        return torch.sigmoid(head[:, 0]), head[:, 1:]


def load_centerface() -> CenterFaceNet:
    """Build the network from the verified weights `centerface`.

    Raises:
        WeightsMissingError, WeightsHashError: see `workers.weights.read_weights`.
        WeightsFormatError: the file holds another network.
    """
    return centerface_from(read_weights("centerface"))


def centerface_from(data: bytes) -> CenterFaceNet:
    """Build the network from the bytes of its ONNX file. Raises: WeightsFormatError."""
    arrays = convolutions(data)
    body, heads = arrays[:-_HEADS], arrays[-_HEADS:]
    shapes = [head.shape for head in heads[0::2]]
    if shapes != [(rows, _WIDTH, 1, 1) for rows in _HEAD_ROWS]:
        raise WeightsFormatError(f"centerface: these are not the four heads: {shapes = }")
    net = CenterFaceNet()
    fill_in_order(net.parameters(), [*body, *_joined(heads)], "centerface")
    return net.eval().requires_grad_(requires_grad=False)


def _joined(heads: list[Array]) -> list[Array]:
    """Make one convolution of the heads: score, size, offset, points."""
    return [np.concatenate(heads[0::2]), np.concatenate(heads[1::2])]


def _doubling() -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(_WIDTH, _WIDTH, 2, stride=2)
