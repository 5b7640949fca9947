"""Which CUDA GPUs this machine has, asked of NVIDIA's driver: torch would take seconds."""

import ctypes
import os

_DRIVER = "libcuda.so.1"
_SUCCESS = 0
_VISIBLE = "CUDA_VISIBLE_DEVICES"


def has_cuda() -> bool:
    """Tell whether there is a GPU; a machine without one costs nothing."""
    return bool(visible_devices())


def visible_devices() -> tuple[str, ...]:
    """Return what stands for each GPU that this process may use in `CUDA_VISIBLE_DEVICES`.

    A worker process that is to run on one of them gets that one as its own variable, and calls it
    `cuda`. The driver minds the variable, so the count is of the visible ones: with
    `CUDA_VISIBLE_DEVICES=2,3` the answer is `("2", "3")`, without it `("0", "1", …)`.
    """
    count = _count()
    chosen = os.environ.get(_VISIBLE)
    if chosen is None:
        return tuple(str(number) for number in range(count))
    # The driver stops at the first one that it does not know, and so does this.
    return tuple(name.strip() for name in chosen.split(","))[:count]


def _count() -> int:
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return 0
    found = ctypes.c_int()
    started = driver.cuInit(0) == _SUCCESS
    counted = started and driver.cuDeviceGetCount(ctypes.byref(found)) == _SUCCESS
    return found.value if counted else 0
