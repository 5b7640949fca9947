"""Small tensors that depend on sizes only: made once, kept on the device, and not for ever.

A CUDA graph knows its tensors by address. Whoever captures one therefore holds on to every constant
that was asked for meanwhile (`holding`), or the cache could drop one that a graph still reads.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, wraps
from typing import Any, Final, ParamSpec, TypeVar, cast

import torch

MOST: Final = 512
"""Of each kind. The largest, the cells of a picture in 1080p, take half a megabyte."""

_P = ParamSpec("_P")
_R = TypeVar("_R")
_holders: list[list[Any]] = []


def constant(make: Callable[_P, _R]) -> Callable[_P, _R]:
    """Remember what a function of hashable arguments returns."""
    remembered = lru_cache(maxsize=MOST)(make)

    @wraps(make)
    def fetch(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        value = remembered(*args, **kwargs)  # type: ignore[arg-type]  # hashable, by agreement
        for held in _holders:
            held.append(value)
        return value

    # torch.compile would otherwise look past the cache and build the constant in every run.
    marked = torch.compiler.assume_constant_result(fetch)  # type: ignore[no-untyped-call]
    return cast("Callable[_P, _R]", marked)


@contextmanager
def holding() -> Iterator[list[Any]]:
    """Collect the constants that are asked for inside."""
    held: list[Any] = []
    _holders.append(held)
    try:
        yield held
    finally:
        _holders.pop()
