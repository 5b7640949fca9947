"""Find the faces of a picture, small and very large ones."""

from dataclasses import dataclass

import numpy as np

from schemas.analysis import DetectionPlan
from workers.engines import Network
from workers.geometry.boxes import keep_best
from workers.stages import Detections, DetectorModel, Image


@dataclass(frozen=True, slots=True)
class DetectionSize:
    """How large the detector sees a picture.

    YuNet finds faces of about 10 to 600 px. Measured on 43 faces of snapshots, four students in
    480 x 270 px, and faces enlarged: all were found at a longer side of 640 to 1280, and 12 of 13
    at a face height of 700 px, 8 at 900, 3 at 1200.

    Attributes:
        long_side_px: the longer side is always this, when set; None follows the rules below.
        enlarge_to_px: a picture whose longer side is shorter is enlarged to this, ...
        max_enlargement: ... but by no more than this factor.
        reduce_to_px: a picture whose longer side is longer is reduced to this.
        second_look_from_px: a picture whose shorter side, for the detector, is longer may hold
            a face too large for it, and is looked at a second time, ...
        second_look_px: ... with this longer side.
    """

    long_side_px: int | None = None
    enlarge_to_px: int = 960
    max_enlargement: float = 3.0
    reduce_to_px: int = 1920
    second_look_from_px: int = 800
    second_look_px: int = 640

    def scales(self, image: Image) -> list[float]:
        """Return the factors by which the detector's pictures are larger than the original."""
        long_side, short_side = max(image.shape[:2]), min(image.shape[:2])
        if self.long_side_px is not None:
            return [self.long_side_px / long_side]
        first = min(self.reduce_to_px / long_side, 1.0)
        if long_side < self.enlarge_to_px:
            first = min(self.enlarge_to_px / long_side, self.max_enlargement)
        if short_side * first <= self.second_look_from_px:
            return [first]
        return [first, self.second_look_px / long_side]


class FaceDetector:
    """A detector's network at one or several sizes.

    Args:
        model: how it is fed and read.
        network: loaded from `model.spec`.
    """

    def __init__(self, model: DetectorModel, network: Network) -> None:
        self._model = model
        self._network = network

    def detect(self, image: Image, plan: DetectionPlan) -> Detections:
        """Return the faces of a picture (H, W, 3) uint8 RGB, best first."""
        threshold = plan.min_confidence or self._model.min_confidence
        scales = DetectionSize(plan.long_side_px).scales(image)
        looks = [self._look(image, scale, threshold) for scale in scales]
        return looks[0] if len(looks) == 1 else self._join(looks)

    def _look(self, image: Image, scale: float, threshold: float) -> Detections:
        prepared, scale_xy = self._model.prepare(image, scale)
        outputs = self._network(prepared[None])
        return self._model.read_answer([o[0] for o in outputs], scale_xy, threshold)

    def _join(self, looks: list[Detections]) -> Detections:
        boxes = np.concatenate([look.boxes_xyxy for look in looks])
        points = np.concatenate([look.points_xy for look in looks])
        confidence = np.concatenate([look.confidence for look in looks])
        kept = keep_best(boxes, confidence, self._model.nms_iou)
        return Detections(boxes[kept], points[kept], confidence[kept])
