"""What a fault does to the packets of one connection."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from deploy.simulator.access_unit import TICKS_PER_S
from deploy.simulator.fault import Fault
from deploy.simulator.rtsp_wire import RtpPacket

_HEADER_BYTES: Final = 12  # RFC 3550, 5.1: the payload begins behind them
_RTP_STAMP: Final = slice(4, 8)
_REPORT_STAMP: Final = slice(16, 20)  # of a sender report, RFC 3550, 6.4.1
_SENDER_REPORT: Final = 200
_FLIPPED_BYTES: Final = 3


class RtpTamper:
    """Rewrites, spoils and drops packets.

    Args:
        seed: of the packets that it meets and the bytes that it flips.
    """

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)  # noqa: S311  seeded faults, no secret
        self._shift = 0
        self._frozen: bytes | None = None

    def jump(self, seconds: float) -> None:
        """From now on the time stamps are so much later."""
        self._shift += round(seconds * TICKS_PER_S)

    def packets(
        self, packets: Iterable[RtpPacket], fault: Fault, loss: float
    ) -> Iterator[RtpPacket]:
        """What is sent of `packets`.

        Args:
            packets: of one picture.
            fault: of the camera.
            loss: the share that the network loses, beside the camera's own.
        """
        for packet in packets:
            if packet.is_rtcp:
                yield self._shifted(packet, _REPORT_STAMP) if _is_report(packet) else packet
            elif self._rng.random() >= max(loss, fault.loses):
                stamped = self._stamped(self._shifted(packet, _RTP_STAMP), fault)
                yield self._spoilt(stamped) if self._rng.random() < fault.corrupts else stamped

    def _shifted(self, packet: RtpPacket, where: slice) -> RtpPacket:
        stamp = int.from_bytes(packet.data[where], "big") + self._shift
        return _with(packet, where, (stamp % 2**32).to_bytes(4, "big"))

    def _stamped(self, packet: RtpPacket, fault: Fault) -> RtpPacket:
        if fault.stamps == "live":
            self._frozen = None
            return packet
        if fault.stamps == "zero":
            return _with(packet, _RTP_STAMP, bytes(4))
        self._frozen = self._frozen or packet.data[_RTP_STAMP]
        return _with(packet, _RTP_STAMP, self._frozen)

    def _spoilt(self, packet: RtpPacket) -> RtpPacket:
        data = bytearray(packet.data)
        for _ in range(_FLIPPED_BYTES):
            data[self._rng.randrange(_HEADER_BYTES, len(data))] ^= self._rng.randrange(1, 256)
        return replace(packet, data=bytes(data))


def _with(packet: RtpPacket, where: slice, part: bytes) -> RtpPacket:
    return replace(packet, data=packet.data[: where.start] + part + packet.data[where.stop :])


def _is_report(packet: RtpPacket) -> bool:
    return packet.data[1] == _SENDER_REPORT
