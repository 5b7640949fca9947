"""Waiting for a server that is away."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from schemas.transport.failures import TransportDownError

FIRST_WAIT_S: Final = 0.1
LONGEST_WAIT_S: Final = 5.0

Result = TypeVar("Result")


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


def wait_and_retry(
    action: Callable[[], Result],
    *,
    stop: Callable[[], bool],
    sleep: Callable[[float], object] = time.sleep,
    waits: Iterator[float] | None = None,
    on_down: Callable[[TransportDownError], object] = lambda _: None,
) -> Result:
    """What `action` returns, once its server answers.

    Args:
        action: one or more transport calls that may be repeated.
        stop: whether to give up.
        sleep: waits that many seconds (an Event's `wait` ends early).
        waits: seconds between the tries; default `back_off()`.
        on_down: told of every failure.

    Raises:
        TransportDownError: the last failure, when told to stop.
    """
    pauses = back_off() if waits is None else waits
    while True:
        try:
            return action()
        except TransportDownError as exc:
            on_down(exc)
            if stop():
                raise
            sleep(next(pauses))
