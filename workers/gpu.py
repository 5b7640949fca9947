"""Which CUDA GPUs this machine has, asked of NVIDIA's driver: torch would take seconds."""

import ctypes
import os
import subprocess
import sys

_DRIVER = "libcuda.so.1"
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_TIMEOUT_S = 60.0
_QUESTION = """
import ctypes, sys
driver, count = ctypes.CDLL(sys.argv[1]), ctypes.c_int()
ok = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
print(count.value if ok else 0)
"""


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
    """Ask the driver, in a process of its own.

    A process keeps the `CUDA_VISIBLE_DEVICES` of its first word with the driver; had this one asked
    already, choosing a GPU by that variable afterwards would do nothing.
    """
    try:
        ctypes.CDLL(_DRIVER)
    except OSError:
        return 0
    question = [sys.executable, "-I", "-S", "-c", _QUESTION, _DRIVER]
    try:
        answer = subprocess.run(
            question, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return 0
    return int(answer.stdout) if answer.returncode == 0 else 0
