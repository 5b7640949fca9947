"""One coded picture of a film."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

TICKS_PER_S: Final = 90_000  # RTP's clock for video


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded picture.

    Attributes:
        data: Annex B byte stream; key pictures carry their parameter sets.
        pts: when it is shown, 1/90000 s after the film's first picture.
        dts: when it is sent, the same unit; below 0 for pictures that others refer to early on.
        is_key: whether decoding can begin here.
    """

    data: bytes
    pts: int
    dts: int
    is_key: bool

    @property
    def due_s(self) -> float:
        """When it is sent, in seconds after the start of the first picture."""
        return self.dts / TICKS_PER_S

    def later(self, ticks: int) -> AccessUnit:
        """The same picture, `ticks` later."""
        return replace(self, pts=self.pts + ticks, dts=self.dts + ticks)

    def showing(self, key_picture: bytes) -> AccessUnit:
        """Another picture, which needs no other, at this one's time."""
        return replace(self, data=key_picture, is_key=True)
