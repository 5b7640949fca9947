"""YuNet, the face detector: how a picture is prepared and how its answer is read.

Torch is not imported here: an engine that holds the compiled network does without it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.engines import NetworkSpec
from workers.geometry.boxes import keep_best

STRIDES = (8, 16, 32)
NMS_IOU = 0.3
_MULTIPLE = 32
_Floats = NDArray[np.float32]

SPEC = NetworkSpec(
    name="yunet",
    weights="yunet",
    builder="workers.models.yunet_net:load_yunet",
    example_shape=(1, 320, 640, 3),
    free_axes=(0, 1, 2),
)


@dataclass(frozen=True, slots=True)
class Detections:
    """Faces of one picture, best first.

    Attributes:
        boxes_xyxy: (N, 4) float32 [px of the picture].
        points_xy: (N, 5, 2) float32 [px]: image-left eye, image-right eye, nose, image-left and
            image-right corner of the mouth.
        confidence: (N,) float32 in 0..1.
    """

    boxes_xyxy: NDArray[np.float32]
    points_xy: NDArray[np.float32]
    confidence: NDArray[np.float32]

    def __post_init__(self) -> None:
        n = len(self.confidence)
        if self.boxes_xyxy.shape != (n, 4) or self.points_xy.shape != (n, 5, 2):
            raise ValueError(
                f"expected {n} boxes and 5 points each, got {self.boxes_xyxy.shape = } and "
                f"{self.points_xy.shape = }"
            )


def prepare(
    image: NDArray[np.uint8], scale: float
) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """Scale a picture (H, W, 3) and pad it right and bottom with black to multiples of 32.

    Returns:
        The prepared picture, and the scale that whole pixels made of it, across and down.
    """
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    padded = np.zeros((_up(height), _up(width), 3), np.uint8)
    if (height, width) == image.shape[:2]:
        padded[:height, :width] = image
    else:
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        padded[:height, :width] = cv2.resize(image, (width, height), interpolation=how)
    return padded, (width / image.shape[1], height / image.shape[0])


def read_answer(
    outputs: Sequence[NDArray[np.float32]], scale_xy: tuple[float, float], threshold: float
) -> Detections:
    """Return one picture's faces from the network's six outputs for it.

    Args:
        outputs: scores (h, w) and geometry (14, h, w), for the strides 8, 16 and 32 in turn.
        scale_xy: pixels of the prepared picture for one of the original, across and down.
        threshold: least confidence of a face.

    Source: OpenCV's FaceDetectorYN::postProcess (modules/objdetect, Apache-2.0), the same maths.
    """
    levels = [
        _read_level(outputs[2 * i], outputs[2 * i + 1], stride, threshold)
        for i, stride in enumerate(STRIDES)
    ]
    boxes, points, scores = (np.concatenate(parts) for parts in zip(*levels, strict=True))
    kept = keep_best(boxes, scores, NMS_IOU)
    shrink = np.reciprocal(np.array(scale_xy, np.float32))
    return Detections(
        boxes_xyxy=boxes[kept] * np.tile(shrink, 2),
        points_xy=points[kept] * shrink,
        confidence=np.clip(scores[kept], 0.0, 1.0),
    )


def _read_level(
    scores: NDArray[np.float32], geometry: NDArray[np.float32], stride: int, threshold: float
) -> tuple[_Floats, _Floats, _Floats]:
    rows, columns = np.nonzero(scores >= threshold)
    cells: _Floats = np.stack((columns, rows), axis=1).astype(np.float32)
    values: _Floats = geometry[:, rows, columns].T
    cell_px = np.float32(stride)
    centres: _Floats = (cells + values[:, :2]) * cell_px
    halves: _Floats = np.exp(values[:, 2:4]) * (cell_px / np.float32(2))
    boxes: _Floats = np.concatenate((centres - halves, centres + halves), axis=1)
    points: _Floats = (values[:, 4:].reshape(-1, 5, 2) + cells[:, None]) * cell_px
    return boxes, points, scores[rows, columns]


def _up(side: int) -> int:
    return -(-side // _MULTIPLE) * _MULTIPLE
