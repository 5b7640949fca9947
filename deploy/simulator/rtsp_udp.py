"""RTP and RTCP over UDP: two ports of the camera, two of the client (RFC 3550, 11)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from deploy.simulator.rtsp_wire import RtpPacket

_TRIES: Final = 50  # for a free even port whose odd neighbour is free too


class UdpWire:
    """Packets beside the RTSP connection; made by `open_udp_wire`."""

    def __init__(
        self,
        rtp: asyncio.DatagramTransport,
        rtcp: asyncio.DatagramTransport,
        client: tuple[str, int],
    ) -> None:
        self._rtp = rtp
        self._rtcp = rtcp
        self._client = client

    @property
    def transport(self) -> str:
        """See `Wire`."""
        port = self._client[1]
        own = _port(self._rtp)
        return f"RTP/AVP;unicast;client_port={port}-{port + 1};server_port={own}-{own + 1}"

    def send(self, packets: Sequence[RtpPacket]) -> None:
        """See `Wire`."""
        host, port = self._client
        for packet in packets:
            if packet.is_rtcp:
                self._rtcp.sendto(packet.data, (host, port + 1))
            else:
                self._rtp.sendto(packet.data, (host, port))

    def unsent_bytes(self) -> int:
        """Nothing: what a client does not take is lost."""
        return 0

    def close(self) -> None:
        """See `Wire`."""
        self._rtp.close()
        self._rtcp.close()


async def open_udp_wire(host: str, client: tuple[str, int]) -> UdpWire:
    """Two neighbouring ports on `host`, the first even, for a client's address and RTP port.

    Raises:
        OSError: there is none.
    """
    for attempt in range(_TRIES):
        rtp = await _open(host, 0)
        try:
            if _port(rtp) % 2 == 0:
                return UdpWire(rtp, await _open(host, _port(rtp) + 1), client)
        except OSError:
            if attempt == _TRIES - 1:
                rtp.close()
                raise
        rtp.close()
    raise OSError("no two neighbouring UDP ports are free")


async def _open(host: str, port: int) -> asyncio.DatagramTransport:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=(host, port)
    )
    return transport


def _port(transport: asyncio.DatagramTransport) -> int:
    port: int = transport.get_extra_info("sockname")[1]
    return port
