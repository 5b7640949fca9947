"""This machine in words, for the head of a table."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Final

_CPUINFO: Final = Path("/proc/cpuinfo")
_TOLD: Final = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


def describe_cpu() -> str:
    """Processor, cores that this process may use, and the instructions that matter here."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    fields = _fields()
    flags = fields.get("flags", "").split()
    told = ", ".join(flag for flag in _TOLD if flag in flags) or "no AVX2"
    name = fields.get("model name", platform.processor() or platform.machine())
    return f"{name}, {cores} cores, {told}"


def load_average() -> float:
    """Processes that wanted a core during the last minute: above 1, others disturbed."""
    return os.getloadavg()[0]


def _fields() -> dict[str, str]:
    """The first processor's lines of /proc/cpuinfo; nothing where there is no such file."""
    if not _CPUINFO.exists():
        return {}
    first, _, _ = _CPUINFO.read_text(encoding="utf-8").partition("\n\n")
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
