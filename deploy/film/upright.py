"""Pictures as a player shows them: turned and mirrored by the film's display matrix."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import av
import numpy as np
from av.sidedata.sidedata import SideData, Type
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Turn:
    """One of the eight ways to lay a picture on the screen.

    Attributes:
        transposed: rows become columns, first of all.
        mirrored_x: then left and right are swapped, ...
        mirrored_y: ... and top and bottom.
    """

    transposed: bool = False
    mirrored_x: bool = False
    mirrored_y: bool = False

    def apply(self, image: Image) -> Image:
        """Return the picture (H, W, 3) as it is shown."""
        if self.transposed:
            image = image.transpose(1, 0, 2)
        image = image[:: -1 if self.mirrored_y else 1, :: -1 if self.mirrored_x else 1]
        return np.ascontiguousarray(image)


AS_STORED: Final = Turn()
_MATRIX: Final = struct.Struct("=9i")


def turn_of_matrix(matrix: tuple[int, ...]) -> Turn:
    """Return what a display matrix means (ISO/IEC 14496-12 §6.2.2; FFmpeg's libavutil/display.h).

    A stored point (x, y), y down, is shown at (a x + c y, b x + d y). Films are only ever turned
    by quarters; an oblique matrix is taken as the nearest of them.

    Args:
        matrix: nine 16.16 numbers: a, b, u, c, d, v, x, y, w.
    """
    a, b, _, c, d, *_ = matrix
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Turn(mirrored_x=a < 0, mirrored_y=d < 0)
    return Turn(transposed=True, mirrored_x=c < 0, mirrored_y=b < 0)


def turn_of_frame(frame: av.VideoFrame) -> Turn:
    """Return how a decoded frame is to be laid; PyAV's own `rotation` knows no mirrors."""
    side = frame.side_data.get(Type.DISPLAYMATRIX.name)
    if not isinstance(side, SideData) or len(matrix := bytes(side)) < _MATRIX.size:
        return AS_STORED
    return turn_of_matrix(_MATRIX.unpack_from(matrix))
