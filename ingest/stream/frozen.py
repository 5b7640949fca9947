"""A picture that stands still, byte for byte: a camera that shows its past as if it were now.

A real sensor has noise, so two pictures that were coded anew are never equal. Between key frames a
still scene may well decode to the same bytes; so a key frame must have come, too, or a long time
have passed.
"""

from __future__ import annotations

import zlib
from typing import Final

import av
import numpy as np

from ingest.stream.timestamps import NS

FROZEN_NS: Final = 4 * NS
# Without a key frame in between: cameras with "smart" codecs send one only every 20 s.
FROZEN_FOR_SURE_NS: Final = 30 * NS
LEAST_PICTURES: Final = 4
ROW_STEP: Final = 8  # every eighth row: no face moves between them, and it costs .2 ms at 1080p


class FrozenPicture:
    """Watches the decoded pictures of one camera, over its connections."""

    def __init__(self) -> None:
        self._digest: int | None = None
        self._since_ns: int | None = None
        self._pictures = 0
        self._keys = 0
        self._is_frozen = False
        self.still_ns = 0  # how long the picture stood still on this connection

    @property
    def is_frozen(self) -> bool:
        """Whether the picture stood still when last looked at."""
        return self._is_frozen

    def look(self, image: av.VideoFrame, pts_ns: int) -> bool:
        """Whether the picture stands still; once it does, until another one comes."""
        digest = _digest(image)
        if digest != self._digest:
            self._digest, self._is_frozen = digest, False
            self._begin(pts_ns)
            return False
        since_ns = self._begin(pts_ns) if self._since_ns is None else self._since_ns
        self._pictures += 1
        self._keys += image.key_frame
        self.still_ns = pts_ns - since_ns
        limit_ns = FROZEN_NS if self._keys else FROZEN_FOR_SURE_NS
        if self._pictures >= LEAST_PICTURES and self.still_ns >= limit_ns:
            self._is_frozen = True
        return self._is_frozen

    def begin_connection(self) -> None:
        """The stream's time starts anew; what was frozen stays so until it moves."""
        self._since_ns = None
        if not self._is_frozen:
            self._digest = None

    def _begin(self, pts_ns: int) -> int:
        self._since_ns, self.still_ns = pts_ns, 0
        self._pictures = self._keys = 0
        return pts_ns


def _digest(image: av.VideoFrame) -> int:
    """CRC-32 of every eighth row of the first plane."""
    plane = image.planes[0]
    lines = np.frombuffer(plane, np.uint8).reshape(-1, abs(plane.line_size))  # type: ignore[call-overload]
    return zlib.crc32(lines[: image.height : ROW_STEP, : image.width].tobytes())
