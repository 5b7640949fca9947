"""Places in the code at which the chaos test may end a process: they cannot be hit from outside.

A `kill -9` from outside hardly ever meets the milliseconds between two steps. Where the variable
`FACEPOSE_CHAOS_POINTS` names a folder (`facepose chaos` alone sets it, for its own children), a
process that passes a point for which the folder holds an order, `PID.POINT`, takes the order away
and sends SIGKILL to itself: no handler, no `finally`, no buffer runs, as with any other kill -9.
Without the variable a point is one comparison.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final

VARIABLE: Final = "FACEPOSE_CHAOS_POINTS"

# name of the point → what is behind it and what is still to come
PUBLISHED: Final = "published"  # a worker's records are in the log, its frames not acknowledged
COMMIT_BEGUN: Final = "commit-begun"  # the lease is checked, no row is written
ROWS_WRITTEN: Final = "rows-written"  # rows are written, the state and the position are not
COMMIT_READY: Final = "commit-ready"  # all is written, nothing is committed
COMMITTED: Final = "committed"  # PostgreSQL has committed, the process does not know it yet
RUN_CLAIMED: Final = "run-claimed"  # a report's run is held, nothing of it is made
RUN_MADE: Final = "run-made"  # its files are made, nothing is written
RUN_STORED: Final = "run-stored"  # its files are committed, nothing is sent
SEND_BEGUN: Final = "send-begun"  # "sending" is committed, nothing is sent
SEND_ENDED: Final = "send-ended"  # the recipient has it, PostgreSQL does not know it
IN_COMMIT: Final = (COMMIT_BEGUN, ROWS_WRITTEN, COMMIT_READY, COMMITTED)

_ORDERS: Final = os.environ.get(VARIABLE, "")


def pass_point(point: str) -> None:
    """Die here if there is an order to."""
    if not _ORDERS:
        return
    try:
        order_path(Path(_ORDERS), os.getpid(), point).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def order_path(folder: Path, pid: int, point: str) -> Path:
    """The file that orders process `pid` to die at `point`."""
    return folder / f"{pid}.{point}"
