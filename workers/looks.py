"""Which parts of a picture a detector looks at, and how much enlarged."""

from dataclasses import dataclass
from itertools import product

from schemas.analysis import DetectionPlan, DetectionRegion

TILE_PX = 1920
"""No look is longer than this for the detector; larger ones are cut into tiles. It bounds memory:
CenterFace's widest layer takes 200 MB at 1920 x 1080."""
OVERLAP_PX = 256
"""By this much tiles overlap, for the detector: smaller faces are whole in at least one."""
MAX_SIDE_PX = 8192
"""A region enlarged beyond this is enlarged less."""
MAX_ENLARGEMENT = 8.0
"""Of a picture by `long_side_px`; more shows the detector nothing new."""


@dataclass(frozen=True, slots=True)
class Look:
    """A part of a picture as the detector is to see it.

    Attributes:
        left, top, right, bottom: the part [px of the picture]; right and bottom are beyond it.
        scale: by this factor it is enlarged.
        min_face_px: smaller faces are not taken from it [px as the detector sees them].
    """

    left: int
    top: int
    right: int
    bottom: int
    scale: float
    min_face_px: float = 0.0


@dataclass(frozen=True, slots=True)
class SizeRules:
    """How large the detector sees a picture of a camera without a plan.

    YuNet finds faces of about 10 to 600 px as it is shown them. Of 43 faces 8 px high in frames of
    1280 x 720 it found .42 as they were, .77 enlarged by 1.25 and all enlarged by 1.5; of 6 px .12,
    .23 and .58 (docs/accuracy.md). The score wants 24 px, so a 720p picture is shown as it is, at
    .4 of the cost of 1920 px; `DetectionPlan.long_side_px` enlarges it where back rows are wanted.

    Attributes:
        enlarge_to_px: a picture whose longer side is shorter is enlarged to this, ...
        max_enlargement: ... but by no more than this factor.
        reduce_to_px: a picture whose longer side is longer is reduced to this.
        second_look_from_px: a picture whose shorter side, for the detector, is longer may hold
            a face too large for it, and is looked at a second time, ...
        second_look_px: ... with this longer side. Tight pictures of faces, 350 px and less: of 160
            YuNet found 157 at 320 px, 149 at 640 and 136 at 700.
        second_look_face_px: only faces at least this high are taken from the second look; small
            ones were seen better in the first.
    """

    enlarge_to_px: int = 1280
    max_enlargement: float = 2.0
    reduce_to_px: int = 1920
    second_look_from_px: int = 480
    second_look_px: int = 320
    second_look_face_px: int = 80

    def scale(self, width: int, height: int, long_side_px: int | None = None) -> float:
        """Return the factor by which the detector's picture is larger than the original.

        Args:
            width: of the picture.
            height: of the picture.
            long_side_px: overrides the rules.
        """
        long_side = max(width, height)
        if long_side_px is not None:
            return min(long_side_px / long_side, MAX_ENLARGEMENT)
        if long_side < self.enlarge_to_px:
            return min(self.enlarge_to_px / long_side, self.max_enlargement)
        return min(self.reduce_to_px / long_side, 1.0)

    def second_look(self, width: int, height: int, scale: float) -> list[Look]:
        """Return the look for very large faces, if they can be in a picture seen at `scale`."""
        if min(width, height) * scale <= self.second_look_from_px:
            return []
        smaller = self.second_look_px / max(width, height)
        return [Look(0, 0, width, height, smaller, self.second_look_face_px)]


RULES = SizeRules()


def looks_at(width: int, height: int, plan: DetectionPlan) -> list[Look]:
    """Return what the detector looks at in a picture: all of it, then the plan's regions.

    Args:
        width: of the picture.
        height: of the picture.
        plan: the camera's; an empty one leaves everything to `RULES`.
    """
    whole = (0, 0, width, height)
    scale = RULES.scale(width, height, plan.long_side_px)
    looks = [*_tiles(whole, scale), *RULES.second_look(width, height, scale)]
    for region in plan.regions:
        part = _part_of(region, width, height)
        long_side = max(part[2] - part[0], part[3] - part[1])
        looks += _tiles(part, min(region.enlarge, MAX_SIDE_PX / long_side))
    return looks


def _part_of(region: DetectionRegion, width: int, height: int) -> tuple[int, int, int, int]:
    """Return a region's pixels, at least one each way."""
    left, top = int(region.box[0] * width), int(region.box[1] * height)
    left, top = min(left, width - 1), min(top, height - 1)
    right = max(left + 1, round(region.box[2] * width))
    bottom = max(top + 1, round(region.box[3] * height))
    return left, top, right, bottom


def _tiles(part: tuple[int, int, int, int], scale: float) -> list[Look]:
    """Cut a part that is too large for the detector into equal overlapping tiles."""
    columns = _spans(part[0], part[2], scale)
    rows = _spans(part[1], part[3], scale)
    return [
        Look(left, top, right, bottom, scale)
        for (top, bottom), (left, right) in product(rows, columns)
    ]


def _spans(start: int, end: int, scale: float) -> list[tuple[int, int]]:
    """Cut start..end into spans of at most `TILE_PX` when enlarged, evenly spread."""
    length, tile, overlap = end - start, int(TILE_PX / scale), int(OVERLAP_PX / scale)
    if round(length * scale) <= TILE_PX:  # rounded: a scale is seldom exact
        return [(start, end)]
    count = -(-(length - overlap) // (tile - overlap))
    side = -(-(length + (count - 1) * overlap) // count)
    step = (length - side) / (count - 1)
    return [(start + round(n * step), start + round(n * step) + side) for n in range(count)]
