"""RTSP 1.0 on the wire (RFC 2326), as far as a camera needs it: requests and answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from deploy.simulator.sdp import TRACK

MAX_REQUEST_BYTES: Final = 16 * 1024

REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    461: "Unsupported Transport",
    501: "Not Implemented",
    503: "Service Unavailable",
}


class ProtocolError(Exception):
    """The peer does not speak RTSP."""


@dataclass(frozen=True)
class Request:
    """One request; header names in lower case."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def mount(self) -> str:
        """The path in the url, without the track."""
        path = unquote(urlsplit(self.url).path).strip("/")
        return path.removesuffix(TRACK).rstrip("/")


async def read_request(reader: asyncio.StreamReader) -> Request:
    """The next request; the client's own RTCP reports before it are skipped.

    Raises:
        ProtocolError: not RTSP, or larger than a camera's peer would send.
        asyncio.IncompleteReadError: the peer has gone.
    """
    while (first := await reader.readexactly(1)) == b"$":
        header = await reader.readexactly(3)
        await reader.readexactly(int.from_bytes(header[1:], "big"))
    try:
        head = first + await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as exc:
        raise ProtocolError("request too long") from exc
    request = parse_request(head)
    length = request.headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit() or int(length) > MAX_REQUEST_BYTES:
        raise ProtocolError("body too long")
    await reader.readexactly(int(length))
    return request


def parse_request(head: bytes) -> Request:
    """The request in `head`.

    Raises:
        ProtocolError: not a request.
    """
    first, *lines = head.decode("utf-8", "replace").strip().split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("RTSP/1."):
        raise ProtocolError("not an RTSP request")
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Request(words[0], words[1], headers)


def answer(
    request: Request, status: int, headers: Mapping[str, str] | None = None, body: str = ""
) -> bytes:
    """The answer to `request` on the wire."""
    lines = [f"RTSP/1.0 {status} {REASONS[status]}", f"CSeq: {_sequence(request)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines.append(f"Content-Length: {len(body.encode())}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def _sequence(request: Request) -> str:
    """The request's number, without what does not belong into an answer's header."""
    number = request.headers.get("cseq", "0")
    return number if number.isascii() and number.isdigit() else "0"
