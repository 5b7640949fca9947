"""Sends a camera's pictures to one client, each when it is due, with the camera's faults."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final, Protocol

from deploy.simulator.access_unit import AccessUnit
from deploy.simulator.fault import Fault
from deploy.simulator.line import Line
from deploy.simulator.rtp_muxer import RtpMuxer
from deploy.simulator.rtp_tamper import RtpTamper
from deploy.simulator.rtsp_film import Film, OnEnd
from deploy.simulator.rtsp_wire import RtpPacket, Wire

# a client that is this far behind is dropped: a camera does not keep the past either
MAX_UNSENT_BYTES: Final = 4 * 1024 * 1024
_REPORT_EVERY_S: Final = 1.0  # while a stalled camera sends reports only


class Cameras(Protocol):
    """What a player needs of its server."""

    films: dict[str, Film]
    on_end: OnEnd

    @property
    def line(self) -> Line:
        """The network."""

    @property
    def fault(self) -> Fault:
        """What the cameras do wrong now."""

    @property
    def fault_number(self) -> int:
        """How many faults have begun."""

    @property
    def started_at_ns(self) -> int:
        """Wall time of the first pictures."""

    def position_s(self) -> float:
        """Seconds since the first pictures."""

    def frozen_picture(self, mount: str) -> bytes:
        """What a mount shows since its fault began, where the picture stands still."""


class Player:
    """Plays one mount to one client.

    Args:
        cameras: the films, their clock and their faults.
        mount: which film.
        wire: to the client.
    """

    def __init__(self, cameras: Cameras, mount: str, wire: Wire) -> None:
        self._cameras = cameras
        self._mount = mount
        self._wire = wire
        self._film = cameras.films[mount]
        self._muxer = RtpMuxer(self._film, cameras.started_at_ns)
        self._tamper = RtpTamper(cameras.line.seed)
        self._fault_number = cameras.fault_number  # those that began earlier are not met anew
        self._report: RtpPacket | None = None
        self._reported_s = 0.0

    async def play(self) -> bool:
        """Until the film ends: True; or until the client is too slow: False."""
        sent_s = 0.0
        delay_s = self._cameras.line.delays()
        try:
            for unit in self._pictures():
                sent_s = max(sent_s, unit.due_s + delay_s())  # late, but in order
                await asyncio.sleep(max(0.0, sent_s - self._cameras.position_s()))
                await self._meet_new_fault()
                self._send(unit)
                if self._wire.unsent_bytes() > MAX_UNSENT_BYTES:
                    return False
            return True
        finally:
            self._muxer.close()

    def _pictures(self) -> Iterator[AccessUnit]:
        """The film's pictures from now on; once it has changed the other's, from a key picture."""
        from_s = self._cameras.position_s()
        while True:
            self._film = self._cameras.films[self._mount]
            for unit in self._film.schedule(from_s, self._cameras.on_end):
                if unit.is_key and self._film is not self._cameras.films[self._mount]:
                    from_s = unit.due_s
                    break
                yield unit
            else:
                return

    async def _meet_new_fault(self) -> None:
        if self._fault_number == self._cameras.fault_number:
            return
        self._fault_number = self._cameras.fault_number
        self._tamper.jump(self._cameras.fault.stamps_jump_s)
        await asyncio.sleep(self._cameras.fault.holds_s)

    def _send(self, unit: AccessUnit) -> None:
        fault = self._cameras.fault
        if fault.stalls:
            self._send_report(fault)
            return
        if fault.repeats_picture:
            unit = unit.showing(self._cameras.frozen_picture(self._mount))
        packets = self._muxer.packets(unit)
        self._report = next((packet for packet in packets if packet.is_rtcp), self._report)
        self._wire.send([*self._tamper.packets(packets, fault, self._cameras.line.loss)])

    def _send_report(self, fault: Fault) -> None:
        now_s = self._cameras.position_s()
        if fault.reports and self._report and now_s > self._reported_s + _REPORT_EVERY_S:
            self._wire.send([self._report])
            self._reported_s = now_s
