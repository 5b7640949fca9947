"""The faces of the expression study: muxspace_expr, found by the project's own detector.

The pictures are crops of faces already. Round each, the edge is repeated outwards by half its
longer side: a face in a classroom has surroundings, and a black frame is none.
"""

import csv
import re
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.analysis import DetectionPlan
from schemas.messages import EXPRESSIONS
from workers import choices
from workers.detection import FaceDetector
from workers.engines import Engine
from workers.pipeline import MIN_EXPRESSION_HEIGHT_PX
from workers.stages import Detections, Floats, Image

NUMBERED = re.compile(r"_?\d+\.\w+$")
PRESS_PICTURE = re.compile(r"_\d{4}\.\w+$")


@dataclass(frozen=True)
class Faces:
    """N faces, each in a picture of its own.

    Attributes:
        images: N pictures (H, W, 3) RGB.
        boxes: (N, 4) [px].
        points: (N, 5, 2) [px].
        labels: (N,) numbers in `EXPRESSIONS`: one student's vote.
        persons: (N,) names.
        is_press: (N,) True for LFW's press pictures, False for IMFDB's film stills.
        n_lost: pictures without a face, or with one that is too small.
    """

    images: list[Image]
    boxes: Floats
    points: Floats
    labels: NDArray[np.intp]
    persons: NDArray[np.str_]
    is_press: NDArray[np.bool_]
    n_lost: int

    def in_black_frames(self) -> "Faces":
        """Take what was repeated about each picture away again."""
        images = [image.copy() for image in self.images]
        for image in images:
            # The frame is half the longer side on each side: that side is now twice as long.
            width = max(image.shape[:2]) // 4
            image[:width] = image[-width:] = 0
            image[:, :width] = image[:, -width:] = 0
        return replace(self, images=images)

    def only(self, chosen: NDArray[np.bool_]) -> "Faces":
        return Faces(
            images=[image for image, keep in zip(self.images, chosen, strict=True) if keep],
            boxes=self.boxes[chosen],
            points=self.points[chosen],
            labels=self.labels[chosen],
            persons=self.persons[chosen],
            is_press=self.is_press[chosen],
            n_lost=self.n_lost,
        )

    def reduced(self, height_px: float) -> "Faces":
        """Make larger faces about this high, as a camera farther away would see them."""
        scales = np.minimum(1.0, height_px / (self.boxes[:, 3] - self.boxes[:, 1]))
        scales = scales.astype(np.float32)[:, None]
        images = [
            _reduced(image, float(s)) for image, (s,) in zip(self.images, scales, strict=True)
        ]
        return replace(
            self, images=images, boxes=self.boxes * scales, points=self.points * scales[:, None]
        )


def read_faces(folder: Path, load: Engine, *, only_press: bool = False) -> Faces:
    """Find the face in each picture.

    Args:
        folder: of `labels.csv` and `images/`.
        load: loads the detector.
        only_press: leave the film stills out.
    """
    model = choices.detector("yunet")
    detector = FaceDetector(model, load(model.spec))
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if only_press:
        rows = [row for row in rows if PRESS_PICTURE.search(row["image"])]
    kept, images, boxes, points = [], [], [], []
    for row in rows:
        image = framed(cv2.imread(str(folder / "images" / row["image"])))
        found = detector.detect(image, DetectionPlan(long_side_px=640))
        if len(found.confidence) == 0:
            continue
        best = most_central(found, image)
        box, five = found.boxes_xyxy[best], found.points_xy[best]
        if box[3] - box[1] < MIN_EXPRESSION_HEIGHT_PX:
            continue
        images.append(image)
        boxes.append(box)
        points.append(five)
        kept.append(row)
    names = [row["image"] for row in kept]
    return Faces(
        images=images,
        boxes=np.array(boxes, np.float32),
        points=np.array(points, np.float32),
        labels=np.array([EXPRESSIONS.index(row["emotion"]) for row in kept]),
        persons=np.array([NUMBERED.sub("", name) for name in names]),
        is_press=np.array([bool(PRESS_PICTURE.search(name)) for name in names]),
        n_lost=len(rows) - len(kept),
    )


def framed(bgr: Image) -> Image:
    width = max(bgr.shape[:2]) // 2
    framed = cv2.copyMakeBorder(bgr, width, width, width, width, cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(framed[:, :, ::-1])


def _reduced(image: Image, scale: float) -> Image:
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def most_central(found: Detections, image: Image) -> int:
    """The labelled face is in the middle; others may stand beside it."""
    sides = found.boxes_xyxy[:, 2:] - found.boxes_xyxy[:, :2]
    centres = found.boxes_xyxy[:, :2] + sides / 2
    away = np.linalg.norm(centres - np.array(image.shape[1::-1]) / 2, axis=1)
    return int(np.argmin(away / np.sqrt(sides.prod(axis=1))))
