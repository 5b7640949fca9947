"""YuNet's layers in torch, filled from the exported ONNX file.

Source: W. Wu, H. Peng, S. Yu, "YuNet: A Tiny Millisecond-level Face Detector", 2023; layers and
weights as in OpenCV Zoo's face_detection_yunet_2023mar.onnx. The exported graph fixes batch and
size; this one takes any batch and any multiple of 32.

Shapes: B pictures, H x W pixels, h x w cells of one stride.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.errors import WeightsFormatError
from workers.models.onnx_file import convolutions
from workers.models.ordered_weights import Array, fill_in_order
from workers.weights import read_weights

_INPUT_SCALE = 256.0


class _Unit(nn.Module):
    """A 1x1 convolution, then a 3x3 one on each channel."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.point = nn.Conv2d(inputs, outputs, 1)
        self.depth = nn.Conv2d(outputs, outputs, 3, padding=1, groups=outputs)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.depth(self.point(x))
        return out


class _Pair(nn.Module):
    """Two units, each with its ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = _Unit(inputs, inputs)
        self.second = _Unit(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.second(functional.relu(self.first(x))))


class YuNetNet(nn.Module):
    """RGB pictures in, a score, a box and five points for each cell out."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=2, padding=1)
        self.model0 = _Unit(16, 16)
        self.model1, self.model2 = _Pair(16, 32), _Pair(32, 64)
        self.model3, self.model4, self.model5 = _Pair(64, 64), _Pair(64, 64), _Pair(64, 64)
        self.neck32, self.neck16, self.neck8 = _Unit(64, 64), _Unit(64, 64), _Unit(64, 64)
        # The four heads of a level see the same features: side by side they are one unit.
        self.head8, self.head16, self.head32 = _Unit(64, 16), _Unit(64, 16), _Unit(64, 16)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Run the network.

        Args:
            images: (B, H, W, 3) uint8 RGB, H and W multiples of 32.

        Returns:
            For the strides 8, 16 and 32 in turn: scores (B, h, w) in 0..1, then geometry
            (B, 14, h, w): box dx, dy, log w, log h, and dx, dy of five points, all in cells.
        """
        # Scaling before the permutation keeps OpenVINO from moving the picture three times (a
        # tenth of its time); a power of two, undone in the first kernels, changes no bit.
        x = (images.to(self.stem.weight.dtype) / _INPUT_SCALE).permute(0, 3, 1, 2)
        c8, c16, c32 = self._backbone(x)
        p32 = functional.relu(self.neck32(c32))
        p16 = functional.relu(self.neck16(c16 + functional.interpolate(p32, scale_factor=2.0)))
        p8 = functional.relu(self.neck8(c8 + functional.interpolate(p16, scale_factor=2.0)))
        return (
            *_score_and_geometry(self.head8(p8)),
            *_score_and_geometry(self.head16(p16)),
            *_score_and_geometry(self.head32(p32)),
        )

    def _backbone(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = functional.relu(self.model0(functional.relu(self.stem(x))))
        x = self.model2(self.model1(functional.max_pool2d(x, 2)))
        c8 = self.model3(functional.max_pool2d(x, 2))
        c16 = self.model4(functional.max_pool2d(c8, 2))
        c32 = self.model5(functional.max_pool2d(c16, 2))
        return c8, c16, c32


def load_yunet() -> YuNetNet:
    """Build the network from the verified weights `yunet`.

    Raises:
        WeightsMissingError, WeightsHashError: see `workers.weights.read_weights`.
        WeightsFormatError: the file holds another network.
    """
    arrays = convolutions(read_weights("yunet"))
    body, heads = arrays[: -4 * 2 * 2 * 3], arrays[-4 * 2 * 2 * 3 :]
    if len(heads) < 48:
        raise WeightsFormatError(f"yunet: expected 48 tensors in the heads, found {len(heads)}")
    # The file wants blue first; ours are red first, so the first kernels change places instead.
    body[0] = body[0][:, ::-1] * np.float32(_INPUT_SCALE)
    net = YuNetNet()
    fill_in_order(net.parameters(), [*body, *_join_heads(heads)], "yunet")
    return net.eval().requires_grad_(requires_grad=False)


def _score_and_geometry(head: Tensor) -> tuple[Tensor, Tensor]:
    """Split one level's head (B, 16, h, w) as √(cls·obj) and the rest."""
    certain = torch.sigmoid(head[:, 0]) * torch.sigmoid(head[:, 5])
    return torch.sqrt(certain), torch.cat((head[:, 1:5], head[:, 6:]), dim=1)


def _join_heads(arrays: list[Array]) -> list[Array]:
    """Return each level's four heads as one: cls 1, bbox 4, obj 1, kps 10 channels.

    The file lists all levels of one head, then the next head, in the order cls, bbox, obj, kps.
    """
    by_head = [arrays[start : start + 12] for start in range(0, 48, 12)]
    return [
        np.concatenate([head[level * 4 + part] for head in by_head])
        for level in range(3)
        for part in range(4)
    ]
