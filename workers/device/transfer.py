"""The two ways between host and device. On CUDA both go through pinned memory and do not wait."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def upload(images: Sequence[NDArray[np.uint8]], device: torch.device) -> Tensor:
    """Return pictures of one size, each (H, W, 3) uint8, as (B, H, W, 3) on the device."""
    # Torch keeps pinned blocks for reuse and knows when the copy out of one is over.
    pinned = device.type == "cuda"
    batch = torch.empty((len(images), *images[0].shape), dtype=torch.uint8, pin_memory=pinned)
    np.stack(images, out=batch.numpy())
    return batch.to(device, non_blocking=True)


def send(values: NDArray[np.int64], device: torch.device) -> Tensor:
    """Return a few numbers on the device."""
    host = torch.from_numpy(values)
    if device.type == "cuda":
        host = host.pin_memory()
    return host.to(device, non_blocking=True)


class Download:
    """A tensor on its way to the host: started at once, waited for when it is read."""

    def __init__(self, tensor: Tensor) -> None:
        self._done: torch.cuda.Event | None = None
        if tensor.device.type != "cuda":
            self._host = tensor
            return
        self._host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        self._host.copy_(tensor, non_blocking=True)
        self._done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._done.record()

    def read(self) -> Any:  # noqa: ANN401  an array of the tensor's own type
        """Wait, and return the values as an array."""
        if self._done is not None:
            self._done.synchronize()
        return self._host.numpy()
