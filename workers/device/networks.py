"""The networks on the device, in one of two precisions.

`exact` is f32 without TF32. `fast` runs the bodies in half floats and the last layers in f32, for
their outputs are pixels. The half floats are float16, not bfloat16: as fast on a GPU, and on 124
real faces eight times nearer to f32 (median yaw .02 against .17 degrees, landmarks .07 against .6
percent of the face's width). Nothing in these networks comes near float16's end at 65,504; the
largest value seen was 255, the input.
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from schemas.analysis import Precision
from workers.engines import NetworkSpec
from workers.errors import EngineError
from workers.models import mediapipe478, mini_xception, sixdrepnet360, yunet

LAST_LAYERS: Final = {
    "yunet": ("head8", "head16", "head32"),
    "mediapipe478": ("points", "presence"),
    "mini_xception": ("last",),
    "sixdrepnet360": ("six",),
}
"""By network: what stays f32 in `fast`."""
HALF: Final = torch.float16


@dataclass(frozen=True, slots=True)
class DeviceNetworks:
    """The networks on the device.

    Attributes:
        detector: `YuNetNet`.
        landmarks: `MediaPipe478Net`.
        expression: `MiniXceptionNet`; None where policy forbids it.
        second_opinion: `SixDRepNet360Net`; None where the mesh alone tells the pose.
    """

    detector: nn.Module
    landmarks: nn.Module
    expression: nn.Module | None
    second_opinion: nn.Module | None = None


def load_device_networks(
    device: torch.device, precision: Precision, *, expression: bool, second_opinion: bool = False
) -> DeviceNetworks:
    """Load the usual networks onto a device.

    Args:
        device: where to.
        precision: see the module.
        expression: False leaves that network's file alone.
        second_opinion: load 6DRepNet360, too.

    Raises:
        EngineError: torch sees no such device.
        WeightsMissingError, WeightsHashError: see `workers.weights.read_weights`.
    """
    if device.type == "cuda" and not torch.cuda.is_available():
        raise EngineError("torch sees no CUDA device; use device='cpu' or check the driver")
    if precision == "exact":
        forbid_tf32()
    return DeviceNetworks(
        detector=load_network(yunet.SPEC, device, precision),
        landmarks=load_network(mediapipe478.SPEC, device, precision),
        expression=load_network(mini_xception.SPEC, device, precision) if expression else None,
        second_opinion=load_network(sixdrepnet360.SPEC, device, precision)
        if second_opinion
        else None,
    )


def forbid_tf32() -> None:
    """Make f32 mean f32 on the GPU: TF32 keeps ten bits of the mantissa, a third of a pixel."""
    torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]
    torch.backends.cuda.matmul.fp32_precision = "ieee"


def load_network(spec: NetworkSpec, device: torch.device, precision: Precision) -> nn.Module:
    """Build a network on the device, channels last.

    Raises:
        WeightsMissingError, WeightsHashError: see `workers.weights.read_weights`.
    """
    module = spec.build().to(device)
    if precision == "fast":
        module = halve(module, LAST_LAYERS[spec.name])
    return module.to(memory_format=torch.channels_last)


def halve(module: nn.Module, last_layers: tuple[str, ...]) -> nn.Module:
    """Turn a network into half floats, but not the layers of these names, whose input is widened.

    The networks turn their input into the type of their first layer by themselves.
    """
    module.to(HALF)
    for name in last_layers:
        layer = module.get_submodule(name).float()
        layer.register_forward_pre_hook(_widen)
    return module


def _widen(_layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(value.float() for value in inputs)
