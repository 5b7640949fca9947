"""The body of a group's process: orders come in, readers run, reports go out.

SIGTERM lets it end every stream in order. When its standard input ends, the service that started it
was killed: the group ends at once and tells no end of a stream, since the next service will read
the cameras in a moment, and a lesson goes on.

Reports are written by a thread of their own, so that neither a server that hangs nor a service that
does not read holds up the readers and the statuses.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Final

import structlog

from ingest.errors import GroupProtocolError
from ingest.groups.group import CameraGroup, open_group
from ingest.groups.protocol import LineBuffer, Order, decode_order, encode_line
from schemas.settings import Settings

REPORT_EVERY_S: Final = 1.0
READ_BYTES: Final = 1 << 16
ORPHANED: Final = 1

_log = structlog.get_logger("facepose.ingest")


def run_group_process(settings: Settings, stop: threading.Event) -> None:
    """Read the cameras that standard input orders until `stop` is set; see the module for its end.

    Raises:
        SettingsError: a server's url is not set or is none.
    """
    orders_fd, reports_fd = _take_pipes()
    orders = OrderInbox(orders_fd)
    with open_group(settings) as group:
        orders.start()
        reporter = threading.Thread(
            target=_report, args=(group, reports_fd, stop), name="reporter", daemon=True
        )
        reporter.start()
        group.run(stop, orders.take)
        group.shut_down()


class OrderInbox:
    """Keeps the newest order that was read; an older one that nobody took is void."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._newest: Order | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="orders", daemon=True)

    def start(self) -> None:
        """Begin to read; when there is nothing more to come, this process ends at once."""
        self._thread.start()

    def take(self) -> Order | None:
        """The newest order, once."""
        with self._lock:
            order, self._newest = self._newest, None
            return order

    def _run(self) -> None:
        try:
            self._listen()
        except GroupProtocolError as exc:
            _log.error("An order cannot be used.", action="order_refused", reason=str(exc))
        finally:
            os._exit(ORPHANED)  # readers may hang in their libraries: nobody is waited for

    def _listen(self) -> None:
        buffer = LineBuffer()
        while data := os.read(self._fd, READ_BYTES):
            for line in buffer.feed(data):
                order = decode_order(line)
                with self._lock:
                    self._newest = order


def _report(group: CameraGroup, fd: int, stop: threading.Event) -> None:
    """One line a second for as long as somebody reads."""
    while True:
        rest = memoryview(encode_line(group.report()))
        try:
            while rest:
                rest = rest[os.write(fd, rest) :]
        except BrokenPipeError:
            return  # the service is gone; standard input says so, too
        if stop.wait(REPORT_EVERY_S):
            return


def _take_pipes() -> tuple[int, int]:
    """Standard input and output, for messages alone: a library that prints must not break them."""
    sys.stdout.flush()
    orders_fd, reports_fd = os.dup(0), os.dup(1)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return orders_fd, reports_fd
