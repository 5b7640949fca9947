"""Faces of a camera's pictures by row and by seat: how large they are where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final

import cv2
import numpy as np

from ingest.encoder import Picture
from schemas.site import Seat
from workers.face import Face

# Faces of one row sit at one height, and are of one size.
_ROW_GAP: Final = 0.5  # of a face's height
_ROW_SPREAD: Final = 1.8  # the largest face of a row over its smallest


@dataclass(frozen=True, slots=True)
class SeenFace:
    """A face in the whole picture.

    Attributes:
        x, y: its centre, in fractions of the whole picture.
        y_px: the same downwards, pixels.
        height_px: of its box.
        yaw_deg: None where no pose fits.
    """

    x: float
    y: float
    y_px: float
    height_px: float
    yaw_deg: float | None


@dataclass(frozen=True, slots=True)
class FaceGroup:
    """Faces that belong together.

    Attributes:
        name: for people: `row 1` is the nearest to the camera, or a seat's label.
        median_px, smallest_px: heights of its faces.
    """

    name: str
    median_px: float
    smallest_px: float

    @classmethod
    def of(cls, name: str, faces: Sequence[SeenFace]) -> FaceGroup:
        """At least one face."""
        heights = [face.height_px for face in faces]
        return cls(name, median(heights), min(heights))


def seen_face(face: Face, picture: Picture) -> SeenFace:
    """Where a face of a picture, which may be cut out, lies in the whole one."""
    whole_width, whole_height = picture.whole or (picture.width, picture.height)
    x0, y0, x1, y1 = face.box_xyxy
    x_px, y_px = picture.left + (x0 + x1) / 2, picture.top + (y0 + y1) / 2
    return SeenFace(x_px / whole_width, y_px / whole_height, y_px, face.height_px, face.yaw_deg)


def rows(faces: Iterable[SeenFace]) -> list[FaceGroup]:
    """The rows, the nearest first: that is the lowest in the picture."""
    ordered = sorted(faces, key=lambda face: -face.y_px)
    groups = _split(ordered) if ordered else []
    return [FaceGroup.of(f"row {number}", group) for number, group in enumerate(groups, start=1)]


def by_seat(faces: Iterable[SeenFace], seats: dict[str, Seat]) -> list[FaceGroup]:
    """The seats in which a face was seen."""
    sitting: dict[str, list[SeenFace]] = {label: [] for label in seats}
    for face in faces:
        for label, seat in seats.items():
            if _is_inside(face, seat):
                sitting[label].append(face)
    return [FaceGroup.of(label, there) for label, there in sitting.items() if there]


def centre_of(seat: Seat) -> tuple[float, float]:
    """The middle of a seat's polygon, in fractions of the picture."""
    x, y = np.mean(seat.polygon, axis=0)
    return float(x), float(y)


def _is_inside(face: SeenFace, seat: Seat) -> bool:
    polygon = np.array(seat.polygon, np.float32)
    return bool(cv2.pointPolygonTest(polygon, (face.x, face.y), measureDist=False) >= 0)


def _split(faces: list[SeenFace]) -> list[list[SeenFace]]:
    """Faces, ordered by height in the picture, parted at the widest gap for as long as need be."""
    if len(faces) < 2:
        return [faces]
    heights = [face.height_px for face in faces]
    gaps = [above.y_px - below.y_px for above, below in pairwise(faces)]
    at = int(np.argmax(gaps)) + 1
    is_apart = gaps[at - 1] >= _ROW_GAP * min(heights[at - 1], heights[at])
    if not is_apart and max(heights) <= _ROW_SPREAD * min(heights):
        return [faces]
    return _split(faces[:at]) + _split(faces[at:])
