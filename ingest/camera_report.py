"""A camera's condition and counters, as its process tells them to the one that watches."""

from __future__ import annotations

from typing import Literal

import msgspec

Stage = Literal["network", "decode", "convert", "encode", "publish"]
RefusalCause = Literal["full", "down", "slow", "picture"]


class CameraReport(msgspec.Struct, kw_only=True):
    """A camera's condition and its counters since the reader's process began.

    Attributes:
        ended: connections that ended, by cause.
        refused: sampled frames that the frames server does not have, by cause.
        packets: coded pictures that arrived.
        decoded: those that were decoded.
        cpu_s: processor seconds by stage.
        frame_age_s: since the last picture arrived; None: none so far.
        overdue_s: by which the reader missed its word; above 0 it hangs.
        decoding: which pictures are decoded: "all", or what is left out, in words.
        decoder: "software", or the hardware in use.
    """

    room_id: str
    camera_id: str
    state: Literal["up", "down"]
    cause: str = ""
    reason: str = ""
    epoch: str = ""
    ended: dict[str, int] = {}
    refused: dict[str, int] = {}
    packets: int = 0
    bytes: int = 0
    decoded: int = 0
    sampled: int = 0
    published: int = 0
    statuses_lost: int = 0
    cpu_s: dict[str, float] = {}
    gap_s: float = 0.0
    frame_age_s: float | None = None
    camera_offset_s: float | None = None
    overdue_s: float = 0.0
    decoding: str = ""
    decoder: str = ""
