"""What a camera that misbehaves does differently, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ingest.errors import Cause

Change = Literal["size", "codec", "rate"]
Method = Literal["OPTIONS", "DESCRIBE", "SETUP", "PLAY"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to misbehave. The defaults are a good camera.

    Attributes:
        name: a slug.
        description: one sentence.
        cause: what ingest should report while it lasts; empty where the stream goes on.
        transport: over which it makes sense.
        passes: over as soon as it has begun; what comes after is a good camera again.
        closes_port: nobody listens.
        drops: all connections end when it begins.
        silent_at: requests that are answered only after the camera has healed.
        status: the answer to DESCRIBE; 0 is the right one.
        stalls: no picture is sent.
        reports: whether RTCP goes on meanwhile.
        holds_s: pictures are held back for so long, then sent at once; only when it begins.
        becomes: the camera's film changes to another size, codec or frame rate.
        corrupts: share of RTP packets in which bytes are flipped.
        loses: share of RTP packets that are not sent.
        stamps: what the RTP time stamps do.
        stamps_jump_s: they jump by so much when it begins, and stay so.
        repeats_picture: the same coded key picture again and again, at live time stamps.
    """

    name: str
    description: str
    cause: Cause | Literal[""] = ""
    transport: Literal["tcp", "udp"] = "tcp"
    passes: bool = False
    closes_port: bool = False
    drops: bool = False
    silent_at: frozenset[Method] = frozenset()
    status: int = 0
    stalls: bool = False
    reports: bool = False
    holds_s: float = 0.0
    becomes: Change | None = None
    corrupts: float = 0.0
    loses: float = 0.0
    stamps: Literal["live", "frozen", "zero"] = "live"
    stamps_jump_s: float = 0.0
    repeats_picture: bool = False


HEALTHY = Fault(name="healthy", description="The camera works.")
