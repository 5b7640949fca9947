"""Waiting for a server that is away."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Final

FIRST_WAIT_S: Final = 0.1
LONGEST_WAIT_S: Final = 5.0


def back_off(
    first_s: float = FIRST_WAIT_S,
    cap_s: float = LONGEST_WAIT_S,
    jitter: Callable[[], float] = random.random,
) -> Iterator[float]:
    """Seconds to wait before each retry, for ever: doubling up to `cap_s`, each ± 25 %.

    The jitter keeps a hundred consumers from knocking at the same moment.
    """
    wait_s = first_s
    while True:
        yield min(cap_s, wait_s) * (0.75 + 0.5 * jitter())
        wait_s = min(cap_s, wait_s * 2)
