"""A connection is cut off after so many seconds, however slowly the other side talks.

A socket's time-out begins anew with each byte: a server that sends one every few seconds would hold
a sender for ever.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

CONNECT_TIMEOUT_S = 20.0
LIMIT_S = 45.0  # less than what a service may be silent


@contextmanager
def cut_off_after(seconds: float, connected: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Shut the socket down when the time is over; who waits on it then gets an OSError.

    Args:
        seconds: from now on.
        connected: the socket in use; None: there is none.
    """

    def cut() -> None:
        sock = connected()
        if sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # TLS's own would wait for an answer

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
