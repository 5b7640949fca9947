"""RetinaFace's layers in torch, with the MobileNet of quarter width, filled from an ONNX file.

Source: J. Deng, J. Guo, Y. Zhou, J. Yu, I. Kotsia, S. Zafeiriou, "RetinaFace: Single-stage Dense
Face Localisation in the Wild", 2019; layers and weights as in biubug6/Pytorch_Retinaface's
mobilenet0.25, of which the ONNX file is an export. It takes any batch and any multiple of 32.

Shapes: B pictures, H x W pixels, h x w cells of one stride, two anchors in each cell.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.errors import WeightsFormatError
from workers.models.onnx_file import convolutions
from workers.models.ordered_weights import Array, fill_in_order
from workers.weights import read_weights

MEAN_RGB = (123.0, 117.0, 104.0)
"""Subtracted from the picture; from the training (data/data_augment.py and detect.py there)."""
_HEADS = 18
"""Tensors of the three heads at three strides, at the end of the file, ..."""
_HEAD_ROWS = (4, 8, 20)
"""... and the channels of each: classes, boxes and points of two anchors."""


def _leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.1)


class _Unit(nn.Module):
    """A 3x3 convolution on each channel, then a 1x1 one, each with its leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.depth = nn.Conv2d(inputs, inputs, 3, stride=stride, padding=1, groups=inputs)
        self.point = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return _leaky(self.point(_leaky(self.depth(x))))


class _Context(nn.Module):
    """SSH's context module: views of 3, 5 and 7 cells side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.view3 = nn.Conv2d(64, 32, 3, padding=1)
        self.shared = nn.Conv2d(64, 16, 3, padding=1)
        self.view5 = nn.Conv2d(16, 16, 3, padding=1)
        self.towards7 = nn.Conv2d(16, 16, 3, padding=1)
        self.view7 = nn.Conv2d(16, 16, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        shared = _leaky(self.shared(x))
        view7 = self.view7(_leaky(self.towards7(shared)))
        return functional.relu(torch.cat((self.view3(x), self.view5(shared), view7), dim=1))


class RetinaFaceNet(nn.Module):
    """RGB pictures in; for each anchor a score, a box and five points out."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.to8 = nn.Sequential(
            _Unit(8, 16), _Unit(16, 32, 2), _Unit(32, 32), _Unit(32, 64, 2), _Unit(64, 64)
        )
        self.to16 = nn.Sequential(_Unit(64, 128, 2), *(_Unit(128, 128) for _ in range(5)))
        self.to32 = nn.Sequential(_Unit(128, 256, 2), _Unit(256, 256))
        self.side8 = nn.Conv2d(64, 64, 1)
        self.side16 = nn.Conv2d(128, 64, 1)
        self.side32 = nn.Conv2d(256, 64, 1)
        self.merge16 = nn.Conv2d(64, 64, 3, padding=1)
        self.merge8 = nn.Conv2d(64, 64, 3, padding=1)
        self.context8, self.context16, self.context32 = _Context(), _Context(), _Context()
        self.head8, self.head16, self.head32 = (nn.Conv2d(64, 32, 1) for _ in range(3))
        mean = torch.tensor(MEAN_RGB).reshape(1, 3, 1, 1)
        self.register_buffer("mean", mean, persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Run the network.

        Args:
            images: (B, H, W, 3) uint8 RGB, H and W multiples of 32.

        Returns:
            For the strides 8, 16 and 32 in turn: scores (B, 2, h, w) in 0..1, then geometry
            (B, 2, 14, h, w): box dx, dy, log w, log h, and dx, dy of five points, relative to the
            anchor and in units of its variances.
        """
        x = images.permute(0, 3, 1, 2).to(self.stem.weight.dtype) - self.mean
        c8 = self.to8(_leaky(self.stem(x)))
        c16 = self.to16(c8)
        p32 = _leaky(self.side32(self.to32(c16)))
        p16 = _leaky(self.side16(c16)) + functional.interpolate(p32, scale_factor=2.0)
        p16 = _leaky(self.merge16(p16))
        p8 = _leaky(self.side8(c8)) + functional.interpolate(p16, scale_factor=2.0)
        p8 = _leaky(self.merge8(p8))
        return (
            *_score_and_geometry(self.head8(self.context8(p8))),
            *_score_and_geometry(self.head16(self.context16(p16))),
            *_score_and_geometry(self.head32(self.context32(p32))),
        )


def load_retinaface() -> RetinaFaceNet:
    """Build the network from the verified weights `retinaface`.

    Raises:
        WeightsMissingError, WeightsHashError: see `workers.weights.read_weights`.
        WeightsFormatError: the file holds another network.
    """
    return retinaface_from(read_weights("retinaface"))


def retinaface_from(data: bytes) -> RetinaFaceNet:
    """Build the network from the bytes of its ONNX file. Raises: WeightsFormatError."""
    arrays = convolutions(data)
    body, heads = arrays[:-_HEADS], arrays[-_HEADS:]
    shapes = [head.shape for head in heads[0::2]]
    if shapes != [(rows, 64, 1, 1) for rows in _HEAD_ROWS for _ in range(3)]:
        raise WeightsFormatError(f"retinaface: these are not the three heads: {shapes = }")
    # The file wants blue first; ours are red first, so the first kernels change places instead.
    body[0] = body[0][:, ::-1]
    net = RetinaFaceNet()
    fill_in_order(net.parameters(), [*body, *_joined(heads)], "retinaface")
    return net.eval().requires_grad_(requires_grad=False)


def _joined(heads: list[Array]) -> list[Array]:
    """Make one convolution a stride of the file's class, box and point heads.

    The file lists a head's three strides (weight, bias), then the next head. Ours has background
    and face of both anchors, then box and points of the first, then of the second anchor.
    """
    joined = []
    for level in range(3):
        for kind in range(2):
            classes, boxes, points = (heads[6 * head + 2 * level + kind] for head in range(3))
            joined.append(np.concatenate((classes, boxes[:4], points[:10], boxes[4:], points[10:])))
    return joined


def _score_and_geometry(head: Tensor) -> tuple[Tensor, Tensor]:
    """Split one level's head (B, 32, h, w) into scores and geometry by anchor."""
    # The softmax of two classes is the logistic function of their difference.
    scores = torch.sigmoid(head[:, 1:4:2] - head[:, 0:4:2])
    return scores, torch.stack((head[:, 4:18], head[:, 18:]), dim=1)
