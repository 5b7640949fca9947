"""Python's collector of reference cycles, set for a process that makes few of them.

Rooms hold many thousands of small objects, and every second brings thousands of faces that live
for some seconds. With its usual thresholds the collector walks over them again and again, a
twentieth of the process' time, and finds nothing: they hold no cycles and are freed by counting.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_YOUNG: Final = 50_000  # objects more than were freed, before the young ones are looked at
_MIDDLE: Final = 20  # looks at the young before one at the middle-aged
_OLD: Final = 20


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Inside, what was there before is never looked at, and what comes is looked at less often."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
