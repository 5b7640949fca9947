"""What a coded picture says of itself before it is decoded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import av

# Every picture of these stands alone.
INTRA_ONLY: Final = frozenset({"mjpeg", "mjpegb", "ljpeg", "png", "prores", "dnxhd"})
# Parameter sets and messages before the first slice; encoders introduce themselves at length before
# key frames.
HEAD_BYTES: Final = 512
KEY_HEAD_BYTES: Final = 4096
_START_CODE: Final = re.compile(rb"\x00\x00\x01(?=(.)(.))", re.DOTALL)
_H264_SLICES: Final = range(1, 6)
_HEVC_SLICES: Final = range(32)
_HEVC_REFERENCE_FREE: Final = range(0, 15, 2)  # types 0, 2 … 14: sub-layer non-reference pictures


_H264_IDR: Final = 5
_HEVC_IRAP: Final = range(16, 24)


def is_clean_start(packet: av.Packet[av.VideoStream], codec: str) -> bool:
    """Whether decoding can begin here and gives whole pictures at once.

    FFmpeg also calls a picture a key frame from which a stream with gradual refresh is whole only
    many pictures later; begun there, the decoder shows rubbish and does not say so.
    """
    if not packet.is_keyframe:
        return False
    if codec == "h264":
        return any(
            first & 31 == _H264_IDR for first, _second in _unit_heads(packet, KEY_HEAD_BYTES)
        )
    if codec == "hevc":
        return any(
            first >> 1 & 63 in _HEVC_IRAP for first, _second in _unit_heads(packet, KEY_HEAD_BYTES)
        )
    return True


def is_disposable(packet: av.Packet[av.VideoStream], codec: str) -> bool:
    """Whether no other picture refers to this one.

    H.264: `nal_ref_idc` is 0 (ITU-T H.264, 7.4.1). H.265: a sub-layer non-reference picture of the
    lowest temporal layer, which an encoder without temporal layers gives (ITU-T H.265, 7.4.2.2,
    table 7-1). Needs start codes (Annex B), as RTP and MPEG-TS have; without them only the
    container's own word counts.
    """
    if codec in INTRA_ONLY:
        return True
    if packet.is_disposable:
        return True
    if codec not in {"h264", "hevc"}:
        return False
    for first, second in _unit_heads(packet, HEAD_BYTES):
        if codec == "h264":
            if first & 31 in _H264_SLICES:
                return first >> 5 & 3 == 0
        elif (kind := first >> 1 & 63) in _HEVC_SLICES:
            return kind in _HEVC_REFERENCE_FREE and second & 7 == 1
    return False


def _unit_heads(packet: av.Packet[av.VideoStream], head_bytes: int) -> Iterator[tuple[int, int]]:
    """The first two bytes of each unit that begins in the packet's first bytes."""
    for start in _START_CODE.finditer(bytes(memoryview(packet)[:head_bytes])):
        yield start[1][0], start[2][0]
