"""Parameter sets: what a decoder must know before the first picture, as NAL units in Annex B."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Codec = Literal["h264", "hevc"]

_H264_SPS: Final = 7
_H264_PPS: Final = 8
_HEVC_VPS: Final = 32
_HEVC_SPS: Final = 33
_HEVC_PPS: Final = 34


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """Parameter sets without start codes.

    Attributes:
        sps: sequence parameter set.
        pps: picture parameter set.
        vps: video parameter set, which only H.265 has.
    """

    sps: bytes
    pps: bytes
    vps: bytes = b""


def parameter_sets(data: bytes, codec: Codec) -> ParameterSets | None:
    """The first of each kind in an access unit; None unless all are there."""
    nals = [nal.rstrip(b"\x00") for nal in data.split(b"\x00\x00\x01")[1:]]
    kinds = {_kind(nal[0], codec): nal for nal in reversed(nals) if nal}
    wanted = (_H264_SPS, _H264_PPS) if codec == "h264" else (_HEVC_SPS, _HEVC_PPS, _HEVC_VPS)
    if not all(kind in kinds for kind in wanted):
        return None
    return ParameterSets(*(kinds[kind] for kind in wanted))


def _kind(first_byte: int, codec: Codec) -> int:
    """The type in a NAL unit's header (H.264 7.3.1, H.265 7.3.1.2)."""
    return first_byte & 31 if codec == "h264" else first_byte >> 1 & 63
