"""Find the faces of a picture: one network, one or several looks, joined."""

import numpy as np
from numpy.typing import NDArray

from schemas.analysis import DetectionPlan
from workers.engines import Network
from workers.geometry.boxes import box_share_of_smaller, keep_best
from workers.looks import Look, looks_at
from workers.stages import Detections, DetectorModel, Floats, Image

CUT_MARGIN = 0.1
"""A box this near to the edge of a look, as a share of its longer side, may be of a cut face."""
SAME_SHARE = 0.5
"""A cut face that shares more than this of the smaller box with a whole one is that face."""
MAX_COVERED = 0.6
"""More of a face than this is not hidden by a surer one: an enlarged look takes an eye and a brow
of a very large face for a face, .66 to .95 of them inside it (seven of 50 portraits)."""


class FaceDetector:
    """A detector's network, looking once or several times at a picture.

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
        height, width = image.shape[:2]
        looks = looks_at(width, height, plan)
        found = [self._look(image, look, threshold) for look in looks]
        cut = [
            is_cut(seen.boxes_xyxy, look, width, height)
            for seen, look in zip(found, looks, strict=True)
        ]
        return join(found, np.concatenate(cut), self._model.nms_iou)

    def _look(self, image: Image, look: Look, threshold: float) -> Detections:
        part = image[look.top : look.bottom, look.left : look.right]
        prepared, scale_xy = self._model.prepare(part, look.scale)
        outputs = self._network(prepared[None])
        seen = self._model.read_answer([output[0] for output in outputs], scale_xy, threshold)
        seen = _at_least(seen, look.min_face_px / look.scale)
        corner = np.array((look.left, look.top), np.float32)
        return Detections(
            seen.boxes_xyxy + np.tile(corner, 2), seen.points_xy + corner, seen.confidence
        )


def _at_least(seen: Detections, height_px: float) -> Detections:
    """Leave out the faces that are lower than `height_px`."""
    if not height_px:
        return seen
    high = seen.boxes_xyxy[:, 3] - seen.boxes_xyxy[:, 1] >= height_px
    return Detections(seen.boxes_xyxy[high], seen.points_xy[high], seen.confidence[high])


def is_cut(boxes_xyxy: Floats, look: Look, width: int, height: int) -> NDArray[np.bool_]:
    """Tell which boxes (N, 4) reach an edge of the look that is not the picture's own."""
    margin = CUT_MARGIN * (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).max(axis=1, initial=0.0)
    cut = np.zeros(len(boxes_xyxy), bool)
    for edge, axis, picture_edge in ((look.left, 0, 0), (look.top, 1, 0)):
        cut |= (edge > picture_edge) & (boxes_xyxy[:, axis] < edge + margin)
    for edge, axis, picture_edge in ((look.right, 2, width), (look.bottom, 3, height)):
        cut |= (edge < picture_edge) & (boxes_xyxy[:, axis] > edge - margin)
    return cut


def join(found: list[Detections], cut: NDArray[np.bool_], nms_iou: float) -> Detections:
    """Join what several looks saw, best first.

    A face cut by a look's edge stays only where no whole one covers it: half a face overlaps the
    whole one too little for the usual suppression. So does a part of a face taken for a face.

    Args:
        found: each look's faces, in pixels of the picture.
        cut: (N,) whether each of all those faces may be cut.
        nms_iou: boxes that share more than this are one face.
    """
    boxes = np.concatenate([seen.boxes_xyxy for seen in found])
    points = np.concatenate([seen.points_xy for seen in found])
    confidence = np.concatenate([seen.confidence for seen in found])
    whole = np.flatnonzero(~cut)
    whole = whole[keep_best(boxes[whole], confidence[whole], nms_iou, MAX_COVERED)]
    halves = np.flatnonzero(cut)
    shares = box_share_of_smaller(boxes[halves], boxes[whole])
    halves = halves[shares.max(axis=1, initial=0.0) <= SAME_SHARE]
    halves = halves[keep_best(boxes[halves], confidence[halves], nms_iou, MAX_COVERED)]
    kept = np.concatenate((whole, halves))
    kept = kept[np.argsort(-confidence[kept], kind="stable")]
    return Detections(boxes[kept], points[kept], confidence[kept])
