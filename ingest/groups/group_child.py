"""The service's hold on one group's process: its pipes, its newest word, its end.

Both pipes are read and written without ever waiting: a process that is stopped, or whose library
holds the interpreter's lock, must not hold up the one that watches over it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from typing import Final, NamedTuple

from ingest.errors import Cause, GroupProtocolError
from ingest.groups.protocol import GroupReport, LineBuffer, Order, decode_report, encode_line

# Imports take a second or two, more on a machine whose other groups start as well.
START_LIMIT_S: Final = 60.0
SILENT_S: Final = 5.0
# Its loop may wait for servers: some time-outs of 2 s for each of a camera's statuses.
STALLED_S: Final = 60.0
# After the whole machine stood still, readers have a moment to give their word anew.
EXCUSED_S: Final = 10.0
READ_BYTES: Final = 1 << 16
MOST_READS: Final = 256  # at a time, whatever the process writes
KILLED_S: Final = 2.0


class Fault(NamedTuple):
    """Why a group's process must be replaced.

    Attributes:
        cause: "hung" or "crashed".
        reason: the same for people.
        culprits: the cameras whose readers hang, when that is known.
    """

    cause: Cause
    reason: str
    culprits: frozenset[str] = frozenset()


class GroupChild:
    """A running group.

    Args:
        command: starts the process.
        now_s: seconds that only grow.
    """

    def __init__(self, command: Sequence[str], now_s: float) -> None:
        self.report: GroupReport | None = None
        self.started_s = now_s
        self._heard_s = now_s
        self._excused_until_s = now_s
        self._buffer = LineBuffer()
        self._unsent = b""
        self._next = b""
        self._broken = ""
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # Ctrl-C is for the service alone
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise GroupProtocolError("the process has no pipes")
        self._orders, self._reports = self._process.stdin, self._process.stdout
        os.set_blocking(self._orders.fileno(), False)
        os.set_blocking(self._reports.fileno(), False)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def send(self, order: Order) -> None:
        """Let the group follow `order`, once it reads; an older one that was not begun is void."""
        self._next = encode_line(order)
        self._flush()

    def look(self, now_s: float) -> bool:
        """Take what the group said and hand it what it has not read yet; whether it spoke."""
        self._flush()
        try:
            lines = [line for data in self._read() for line in self._buffer.feed(data)]
            if lines:
                self.report, self._heard_s = decode_report(lines[-1]), now_s
        except GroupProtocolError as exc:
            self._broken = str(exc)
            return False
        return bool(lines)

    def forgive(self, now_s: float) -> None:
        """Its time begins anew: whoever watches over it was held up himself."""
        self._heard_s = now_s
        self._excused_until_s = now_s + EXCUSED_S

    def fault(self, now_s: float) -> Fault | None:
        """Why it must be replaced now."""
        status = self._process.poll()
        if status is not None:
            return Fault("crashed", _how_it_ended(status))
        if self._broken:
            return Fault("crashed", f"its process says what cannot be used: {self._broken}")
        silent_s = now_s - self._heard_s
        if silent_s > (SILENT_S if self.report else START_LIMIT_S):
            return Fault("hung", f"its process said nothing for {silent_s:.0f} s")
        if self.report is None or now_s < self._excused_until_s:
            return None
        if self.report.stalled_s > STALLED_S:
            return Fault("hung", f"its loop stands still for {self.report.stalled_s:.0f} s")
        late = frozenset(c.camera_id for c in self.report.cameras if c.overdue_s > 0)
        return Fault("hung", "a reader gives no sign of life", late) if late else None

    def kill(self) -> None:
        """End it at once; the kernel does it, whatever it hangs in."""
        self._process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # a disk or a driver holds it
            self._process.wait(KILLED_S)
        self._close()

    def ask_to_end(self) -> None:
        """Let it end its streams; its pipes stay open until it is gone."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def await_end(self, timeout_s: float) -> bool:
        """Whether it ended by itself in time; if not it is killed."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        self._close()
        return True

    def _close(self) -> None:
        self._orders.close()
        self._reports.close()

    def _flush(self) -> None:
        if not self._unsent:
            self._unsent, self._next = self._next, b""
        try:
            while self._unsent:
                sent = os.write(self._orders.fileno(), self._unsent)
                self._unsent = self._unsent[sent:]
        except (BlockingIOError, BrokenPipeError):
            return  # later; or it has died, which is noticed elsewhere

    def _read(self) -> list[bytes]:
        """What has come so far."""
        taken: list[bytes] = []
        with contextlib.suppress(BlockingIOError):
            for _ in range(MOST_READS):
                taken.append(os.read(self._reports.fileno(), READ_BYTES))
                if not taken[-1]:
                    break
        return taken


def _how_it_ended(status: int) -> str:
    if status >= 0:
        return f"its process ended with status {status}"
    try:
        return f"its process was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"its process was ended by signal {-status}"
