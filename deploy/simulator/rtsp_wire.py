"""The way that packets take to one client, and how it is asked for in SETUP (RFC 2326, 12.39)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One packet of a stream: pictures, or a report about them (RTCP)."""

    data: bytes
    is_rtcp: bool


class Wire(Protocol):
    """Carries packets to one client."""

    @property
    def transport(self) -> str:
        """The answer to SETUP."""

    def send(self, packets: Sequence[RtpPacket]) -> None:
        """Send packets, in order."""

    def unsent_bytes(self) -> int:
        """How much the client has not taken yet."""

    def close(self) -> None:
        """Give up what is held beside the RTSP connection."""


class TcpWire:
    """Packets inside the RTSP connection.

    Args:
        writer: the connection.
        channel: number of the RTP channel; RTCP's is one more.
    """

    def __init__(self, writer: asyncio.StreamWriter, channel: int) -> None:
        self._writer = writer
        self._channel = channel

    @property
    def transport(self) -> str:
        """See `Wire`."""
        return f"RTP/AVP/TCP;unicast;interleaved={self._channel}-{self._channel + 1}"

    def send(self, packets: Sequence[RtpPacket]) -> None:
        """See `Wire`."""
        self._writer.write(
            b"".join(interleave(self._channel + packet.is_rtcp, packet.data) for packet in packets)
        )

    def unsent_bytes(self) -> int:
        """See `Wire`."""
        return self._writer.transport.get_write_buffer_size()

    def close(self) -> None:
        """Nothing is held: the connection is its owner's."""


def interleave(channel: int, packet: bytes) -> bytes:
    """One RTP or RTCP packet inside the RTSP connection (RFC 2326, 10.12)."""
    return b"$" + bytes([channel]) + len(packet).to_bytes(2, "big") + packet


def interleaved_channel(transport: str) -> int | None:
    """The RTP channel that a SETUP asks for; None when it does not ask for TCP."""
    for offer in transport.split(","):
        words = [word.strip() for word in offer.split(";")]
        if words[0].upper() == "RTP/AVP/TCP":
            first = _first_number(words, "interleaved=", default="0")
            return first if first is not None and first < 255 else None
    return None


def client_port(transport: str) -> int | None:
    """The port for RTP that a SETUP asks for; None when it does not ask for unicast UDP."""
    for offer in transport.split(","):
        words = [word.strip() for word in offer.split(";")]
        if words[0].upper() in {"RTP/AVP", "RTP/AVP/UDP"} and "multicast" not in words:
            first = _first_number(words, "client_port=", default="")
            return first if first is not None and 0 < first < 65535 else None
    return None


def _first_number(words: Sequence[str], name: str, default: str) -> int | None:
    wanted = [word.partition("=")[2] for word in words if word.startswith(name)]
    first = wanted[0].partition("-")[0] if wanted else default
    return int(first) if first.isascii() and first.isdigit() else None
