"""PFLD's layers in torch, named as in the checkpoints that users have.

Source: X. Guo et al., "PFLD: A Practical Facial Landmark Detector", 2019; the inverted residuals
are MobileNetV2's (M. Sandler et al., CVPR 2018). Names, strides and channels follow
polarisZhao/PFLD-pytorch (models/pfld.py), whose checkpoint format FacePose_pytorch shares.

Shapes: B crops of 112 x 112.
"""

import io
import pickle  # only for the name of its error: torch's restricted unpickler raises it
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.errors import WeightsFormatError
from workers.user_weights import read_user_weights

_KEYS = ("plfd_backbone", "pfld_backbone")
"""Programs read the first; the last train.py of PFLD-pytorch saves the second."""
_UNUSED = "num_batches_tracked"
"""Counters of training; checkpoints of the oldest torch have none."""


class _InvertedResidual(nn.Module):
    """Widen, convolve each channel by itself, narrow; beside a shortcut where the shape stays."""

    def __init__(self, inputs: int, outputs: int, stride: int, widen: int, *, keep: bool) -> None:
        super().__init__()
        middle = inputs * widen
        self.keep = keep
        self.conv = nn.Sequential(
            nn.Conv2d(inputs, middle, 1, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            nn.Conv2d(middle, middle, 3, stride, padding=1, groups=middle, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(),
            nn.Conv2d(middle, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.keep else y


class Pfld98Net(nn.Module):
    """Crops of faces in, 98 points in fractions of the crop out."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = nn.Conv2d(64, 64, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.conv3_1 = _InvertedResidual(64, 64, 2, 2, keep=False)
        for index in range(2, 6):
            self.add_module(f"block3_{index}", _InvertedResidual(64, 64, 1, 2, keep=True))
        self.conv4_1 = _InvertedResidual(64, 128, 2, 2, keep=False)
        # Its shape stays, but the published network has no shortcut here.
        self.conv5_1 = _InvertedResidual(128, 128, 1, 4, keep=False)
        for index in range(2, 7):
            self.add_module(f"block5_{index}", _InvertedResidual(128, 128, 1, 4, keep=True))
        self.conv6_1 = _InvertedResidual(128, 16, 1, 2, keep=False)
        self.conv7 = nn.Sequential(
            nn.Conv2d(16, 32, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()
        )
        self.conv8 = nn.Conv2d(32, 128, 7)
        # In every checkpoint, but the published forward pass leaves it out.
        self.bn8 = nn.BatchNorm2d(128)
        self.fc = nn.Linear(16 + 32 + 128, 196)

    def forward(self, crops: Tensor) -> tuple[Tensor]:
        """Run the network.

        Args:
            crops: (B, 112, 112, 3) uint8 RGB.

        Returns:
            (B, 98, 2): x and y from the crop's corner, 1 is the whole side.
        """
        x = crops.permute(0, 3, 1, 2).to(self.conv1.weight.dtype) / 255.0
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.relu(self.bn2(self.conv2(x)))
        x = self._run("conv3_1", *(f"block3_{index}" for index in range(2, 6)), x=x)
        x = self._run("conv4_1", "conv5_1", *(f"block5_{index}" for index in range(2, 7)), x=x)
        large = self.conv6_1(x)  # (B, 16, 14, 14)
        middle = self.conv7(large)  # (B, 32, 7, 7)
        small = functional.relu(self.conv8(middle))  # (B, 128, 1, 1)
        scales = [level.mean(dim=(2, 3)) for level in (large, middle, small)]
        points: Tensor = self.fc(torch.cat(scales, dim=1))
        return (points.reshape(-1, 98, 2),)

    def _run(self, *names: str, x: Tensor) -> Tensor:
        for name in names:
            x = self.get_submodule(name)(x)
        return x


def load_pfld98() -> Pfld98Net:
    """Build the network from the user's checkpoint.

    Raises:
        WeightsMissingError: there is none; says where it belongs.
        WeightsFormatError: the file holds something else; says what differs.
    """
    found = _backbone(read_user_weights("pfld98"))
    net = Pfld98Net()
    _check(found, net.state_dict())
    net.load_state_dict(dict(found), strict=False)
    return net.eval().requires_grad_(requires_grad=False)


def _backbone(data: bytes) -> Mapping[str, Tensor]:
    try:
        # Tensors and plain containers only: nothing in the file is executed.
        checkpoint = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as exc:
        raise WeightsFormatError(
            f"pfld98: not a torch checkpoint of tensors and numbers alone ({type(exc).__name__})"
        ) from exc
    keys = list(checkpoint) if isinstance(checkpoint, dict) else []
    state = next((checkpoint[key] for key in _KEYS if key in keys), None)
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsFormatError(
            f"pfld98: expected a dictionary of tensors under {_KEYS[0]!r}; the checkpoint is a "
            f"{type(checkpoint).__name__} with {_few([str(key) for key in keys])}"
        )
    return state


def _check(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Refuse another network, naming what is missing, unknown, misshaped or no number."""
    wanted = {key for key in expected if not key.endswith(_UNUSED)}
    have = {key for key in found if not key.endswith(_UNUSED)}
    both = sorted(wanted & have)
    shapes = [
        f"{key} {tuple(found[key].shape)} instead of {tuple(expected[key].shape)}"
        for key in both
        if found[key].shape != expected[key].shape
    ]
    values = [key for key in both if not bool(torch.isfinite(found[key]).all())]
    faults = {
        "missing": sorted(wanted - have),
        "unknown": sorted(have - wanted),
        "of another shape": shapes,
        "not finite": values,
    }
    told = [f"{what}: {_few(names)}" for what, names in faults.items() if names]
    if told:
        raise WeightsFormatError(f"pfld98: the checkpoint holds another network; {'; '.join(told)}")


def _few(names: list[str], most: int = 3) -> str:
    if not names:
        return "nothing"
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
