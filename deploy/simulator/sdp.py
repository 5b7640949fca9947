"""The session description (SDP, RFC 8866) of a film."""

from __future__ import annotations

import base64
from typing import Final

from deploy.simulator.rtsp_film import Film

PAYLOAD_TYPE: Final = 96
TRACK: Final = "trackID=0"


def describe(film: Film) -> str:
    """The session description of a film: H.264 after RFC 6184, H.265 after RFC 7798."""
    encoding, parameters = _h264(film) if film.codec == "h264" else _h265(film)
    lines = [
        "v=0",
        "o=- 0 0 IN IP4 127.0.0.1",
        "s=simulated camera",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        "a=control:*",
        f"m=video 0 RTP/AVP {PAYLOAD_TYPE}",
        f"a=rtpmap:{PAYLOAD_TYPE} {encoding}/90000",
        f"a=fmtp:{PAYLOAD_TYPE} {parameters}",
        f"a=framerate:{float(film.fps):.3f}",
        f"a=control:{TRACK}",
    ]
    return "\r\n".join(lines) + "\r\n"


def _h264(film: Film) -> tuple[str, str]:
    sets = film.sets
    return "H264", (
        f"packetization-mode=1;profile-level-id={sets.sps[1:4].hex()};"
        f"sprop-parameter-sets={_base64(sets.sps)},{_base64(sets.pps)}"
    )


def _h265(film: Film) -> tuple[str, str]:
    sets = film.sets
    return "H265", (
        f"sprop-vps={_base64(sets.vps)};sprop-sps={_base64(sets.sps)};sprop-pps={_base64(sets.pps)}"
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
