"""Access units to RTP and RTCP packets, by FFmpeg's own muxer."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Final

import av
from av.packet import Packet

from deploy.simulator.access_unit import TICKS_PER_S, AccessUnit
from deploy.simulator.rtsp_film import Film
from deploy.simulator.rtsp_wire import RtpPacket

PACKET_BYTES: Final = 1400
RTCP_TYPES: Final = range(192, 224)  # RFC 5761: the second byte tells RTCP from RTP


class RtpMuxer:
    """One client's RTP stream: its own sequence numbers, sender reports with the film's clock.

    Args:
        film: whose pictures come.
        started_at_ns: wall time of the film's first picture, for the sender reports.
    """

    def __init__(self, film: Film, started_at_ns: int) -> None:
        self._sink = _Sink()
        self._container = av.open(
            self._sink,
            "w",
            format="rtp",
            options={
                "packetsize": str(PACKET_BYTES),
                "start_time_realtime": str(started_at_ns // 1000),
            },
        )
        self._stream = self._container.add_mux_stream(
            film.codec, rate=film.fps, width=film.width, height=film.height
        )
        self._stream.time_base = Fraction(1, TICKS_PER_S)

    def packets(self, unit: AccessUnit) -> list[RtpPacket]:
        """The packets of one picture, sometimes with a report."""
        packet = Packet(unit.data)
        packet.time_base = Fraction(1, TICKS_PER_S)
        packet.pts, packet.dts = unit.pts, unit.dts
        packet.is_keyframe = unit.is_key
        packet.stream = self._stream
        self._container.mux(packet)
        return self._sink.take()

    def close(self) -> list[RtpPacket]:
        """End the stream; its last packets."""
        self._container.close()
        return self._sink.take()


class _Sink(io.RawIOBase):
    """Collects what the muxer writes, one packet a call."""

    def __init__(self) -> None:
        super().__init__()
        self._packets: list[RtpPacket] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        packet = bytes(memoryview(data))  # type: ignore[arg-type]  # io leaves the type open
        self._packets.append(RtpPacket(packet, is_rtcp=packet[1] in RTCP_TYPES))
        return len(packet)

    def take(self) -> list[RtpPacket]:
        packets, self._packets = self._packets, []
        return packets
