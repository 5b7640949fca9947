"""Whether this machine has a CUDA GPU, asked without importing torch."""

import ctypes

_DRIVER = "libcuda.so.1"
_SUCCESS = 0


def has_cuda() -> bool:
    """Ask NVIDIA's driver; a machine without one costs nothing."""
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return False
    count = ctypes.c_int()
    started = driver.cuInit(0) == _SUCCESS
    counted = started and driver.cuDeviceGetCount(ctypes.byref(count)) == _SUCCESS
    return counted and count.value > 0
