"""What the ingest service and its groups' processes say to each other: one JSON line a message.

The service writes orders into a group's standard input, the group writes reports to its standard
output. One pipe for each direction and child: a queue that children share hangs when one is killed.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from ingest.camera_report import CameraReport
from ingest.camera_spec import CameraSpec
from ingest.errors import Cause, GroupProtocolError

MAX_LINE_BYTES: Final = 8 << 20

Message = TypeVar("Message")

Ends = dict[str, dict[Cause, int]]
"""Connections that ended, by camera and cause."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """All cameras that a group shall read from now on. Holds secrets: never log it.

    Attributes:
        number: counts the orders to one process.
        ended: what a new group's first statuses must tell of the group that it replaces.
    """

    cameras: tuple[CameraSpec, ...]
    number: int = 0
    ended: Ends = {}


class GroupReport(msgspec.Struct, frozen=True, kw_only=True):
    """The condition of a group, once a second.

    Attributes:
        order: number of the order that is followed.
        readers: counts each camera's readers in this process: with another one its counters begin
            anew.
        finished: films that came to their end, which is told.
        servers_away: "frames", "faces": those that do not answer.
        clock_offset_ms: this machine's clock less the faces server's; None: not known.
        stalled_s: since the group's loop last went on.
    """

    cameras: tuple[CameraReport, ...]
    order: int = 0
    finished: tuple[str, ...] = ()
    readers: dict[str, int] = {}
    servers_away: tuple[str, ...] = ()
    clock_offset_ms: int | None = None
    stalled_s: float = 0.0


def encode_line(message: Order | GroupReport) -> bytes:
    """The message as one line.

    Raises:
        GroupProtocolError: too long; its text holds nothing of the message.
    """
    line = msgspec.json.encode(message) + b"\n"
    if len(line) > MAX_LINE_BYTES:
        raise GroupProtocolError(f"a message of {len(line)} bytes, more than {MAX_LINE_BYTES}")
    return line


def decode_order(line: bytes) -> Order:
    """The order in a line. Raises: GroupProtocolError when it is none."""
    return _decode(line, Order)


def decode_report(line: bytes) -> GroupReport:
    """The report in a line. Raises: GroupProtocolError when it is none."""
    return _decode(line, GroupReport)


class LineBuffer:
    """Cuts what a pipe gives into lines, of bounded length."""

    def __init__(self, limit_bytes: int = MAX_LINE_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._begun = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their ends.

        Raises:
            GroupProtocolError: a line is too long.
        """
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = bytes(self._begun) + lines[0]
            self._begun.clear()
        self._begun += rest
        if len(self._begun) > self._limit_bytes:
            raise GroupProtocolError(f"a line of more than {self._limit_bytes} bytes")
        return lines


def _decode(line: bytes, kind: type[Message]) -> Message:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise GroupProtocolError(f"not one {kind.__name__}: {exc}") from None
