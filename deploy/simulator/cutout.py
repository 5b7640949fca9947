"""A small picture with transparency, and laying it over a larger one."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Cutout:
    """A small picture with transparency.

    Attributes:
        colour: (H, W, 3) uint8 RGB, premultiplied with alpha.
        alpha: (H, W) uint8.
        origin_xy: its reference point, in its own pixels.
    """

    colour: Picture
    alpha: Picture
    origin_xy: tuple[int, int]
    # Most pixels are opaque or empty, so only the rim is mixed: five times faster than all.
    _opaque: Picture = field(init=False, repr=False)
    _covers: NDArray[np.bool_] = field(init=False, repr=False)
    _rim: NDArray[np.int32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_opaque", np.where(self.alpha == 255, 255, 0).astype(np.uint8))
        object.__setattr__(self, "_covers", self.alpha > 127)
        rim = np.argwhere((self.alpha > 0) & (self.alpha < 255)).astype(np.int32)
        object.__setattr__(self, "_rim", rim)

    def lay_on(self, picture: Picture, owners: Picture, at: tuple[int, int], owner: int) -> None:
        """Lay it over a picture, in place, with its reference point at a pixel.

        Args:
            picture: (H, W, 3) uint8 RGB.
            owners: (H, W) uint8, who covers each pixel.
            at: x and y.
            owner: to write where this cutout covers more than half of a pixel.
        """
        x0, y0 = at[0] - self.origin_xy[0], at[1] - self.origin_xy[1]
        rows, columns = self.alpha.shape
        top, left = max(0, -y0), max(0, -x0)
        bottom, right = min(rows, picture.shape[0] - y0), min(columns, picture.shape[1] - x0)
        if bottom <= top or right <= left:
            return
        here = (slice(y0 + top, y0 + bottom), slice(x0 + left, x0 + right))
        part = (slice(top, bottom), slice(left, right))
        cv2.copyTo(self.colour[part], self._opaque[part], picture[here])
        np.copyto(owners[here], np.uint8(owner), where=self._covers[part])
        self._mix_rim(picture, x0, y0)

    def _mix_rim(self, picture: Picture, x0: int, y0: int) -> None:
        rows, columns = self._rim[:, 0], self._rim[:, 1]
        inside = (rows + y0 >= 0) & (rows + y0 < picture.shape[0])
        inside &= (columns + x0 >= 0) & (columns + x0 < picture.shape[1])
        rows, columns = rows[inside], columns[inside]
        through = 255 - self.alpha[rows, columns].astype(np.uint16)[:, None]
        behind = picture[rows + y0, columns + x0]
        mixed = self.colour[rows, columns] + ((behind * through + 127) // 255).astype(np.uint8)
        picture[rows + y0, columns + x0] = mixed
