"""MediaPipe's face landmark network in torch, filled from the TFLite file in the task archive.

Source: face_landmarks_detector.tflite (float16 weights) of MediaPipe's Face Landmarker; the layers
were read off its graph. Rewritten channels-first with PReLU kept whole, which runs several times
faster than the converted original.

Shapes: B crops of 256 x 256.
"""

import io
import zipfile

from torch import Tensor, nn
from torch.nn import functional

from workers.models.ordered_weights import fill_in_order
from workers.models.tflite_file import convolutions_and_prelus
from workers.weights import read_weights

N_LANDMARKS = 478
_MEMBER = "face_landmarks_detector.tflite"
_STAGES = ((16, 8, 16), (16, 16, 32), (32, 32, 64), (64, 64, 128), *((128, 64, 128),) * 3)
"""Channels in, inside and out of each stage."""


class _Block(nn.Module):
    """A bottleneck beside a shortcut; `halve` halves the picture on both ways."""

    def __init__(self, inputs: int, middle: int, outputs: int, *, halve: bool) -> None:
        super().__init__()
        kernel = 2 if halve else 1
        self.shrink = nn.Conv2d(inputs, middle, kernel, stride=kernel)
        self.middle = nn.PReLU(middle)
        self.depth = nn.Conv2d(middle, middle, 3, padding=1, groups=middle)
        self.grow = nn.Conv2d(middle, outputs, 1)
        self.last = nn.PReLU(outputs)
        self.halve = halve
        self.missing = outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.grow(self.depth(self.middle(self.shrink(x))))
        if self.halve:
            x = functional.max_pool2d(x, 2)
        if self.missing:
            x = functional.pad(x, (0, 0, 0, 0, 0, self.missing))
        out: Tensor = self.last(x + y)
        return out


class MediaPipe478Net(nn.Module):
    """Crops of faces in, 478 points in crop pixels and a presence logit out."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, stride=2)
        self.stem_prelu = nn.PReLU(16)
        self.blocks = nn.Sequential(*_blocks())
        self.presence = nn.Conv2d(128, 1, 2)
        self.points = nn.Conv2d(128, 3 * N_LANDMARKS, 2)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Run the network.

        Args:
            crops: (B, 256, 256, 3) uint8 RGB.

        Returns:
            Points (B, 478, 3) in crop pixels, z like x and growing away from the camera, and
            presence logits (B,).
        """
        # Scaled before it is permuted: OpenVINO then moves no memory (a tenth of its time).
        x = (crops.to(self.stem.weight.dtype) / 255.0).permute(0, 3, 1, 2)
        # TensorFlow's "same" at stride 2 pads only right and bottom.
        x = self.stem_prelu(self.stem(functional.pad(x, (0, 1, 0, 1))))
        x = self.blocks(x)
        return self.points(x).reshape(-1, N_LANDMARKS, 3), self.presence(x).reshape(-1)


def load_mediapipe478() -> MediaPipe478Net:
    """Build the network from the verified weights `face_landmarker`.

    Raises:
        WeightsMissingError, WeightsHashError: see `workers.weights.read_weights`.
        WeightsFormatError: the file holds another network.
    """
    with zipfile.ZipFile(io.BytesIO(read_weights("face_landmarker"))) as archive:
        arrays = convolutions_and_prelus(archive.read(_MEMBER))
    # Third from the end stands a head (weight and bias) that nothing here uses.
    kept = arrays[:-6] + arrays[-4:]
    net = MediaPipe478Net()
    fill_in_order(net.parameters(), kept, "face_landmarker")
    return net.eval().requires_grad_(requires_grad=False)


def _blocks() -> list[_Block]:
    blocks = []
    for stage, (inputs, middle, outputs) in enumerate(_STAGES):
        if stage:
            blocks.append(_Block(inputs, middle, outputs, halve=True))
        blocks += [_Block(outputs, middle, outputs, halve=False) for _ in range(4)]
    return blocks
