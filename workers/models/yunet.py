"""YuNet, the face detector: how a picture is prepared and how its answer is read.

Torch is not imported here: an engine that holds the compiled network does without it.
"""

from collections.abc import Sequence

import numpy as np

from workers.engines import NetworkSpec
from workers.models.grid_detector import best_faces, candidates, exp_of, scale_and_pad
from workers.stages import Detections, DetectorModel, Floats

STRIDES = (8, 16, 32)
NMS_IOU = 0.3

SPEC = NetworkSpec(
    name="yunet",
    weights="yunet",
    builder="workers.models.yunet_net:load_yunet",
    example_shape=(1, 320, 640, 3),
    free_axes=(0, 1, 2),
    few_channels=True,
    # In bf16 near ties between neighbouring cells fall otherwise: boxes 2.7 px and, through the
    # crop, angles 1.4 degrees away (1 of 100). Heads, necks, last stages in f32: boxes no better.
    always_exact=True,
)


def read_answer(
    outputs: Sequence[Floats], scale_xy: tuple[float, float], threshold: float
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
    return best_faces(boxes, points, scores, scale_xy, NMS_IOU)


def _read_level(
    scores: Floats, geometry: Floats, stride: int, threshold: float
) -> tuple[Floats, Floats, Floats]:
    cells, values, sure = candidates(scores, geometry, threshold)
    cell_px = np.float32(stride)
    centres: Floats = (cells + values[:, :2]) * cell_px
    halves: Floats = exp_of(values[:, 2:4]) * (cell_px / np.float32(2))
    boxes: Floats = np.concatenate((centres - halves, centres + halves), axis=1)
    points: Floats = (values[:, 4:].reshape(-1, 5, 2) + cells[:, None]) * cell_px
    return boxes, points, sure


DETECTOR = DetectorModel(
    name="yunet",
    spec=SPEC,
    prepare=scale_and_pad,
    read_answer=read_answer,
    min_confidence=0.6,
    nms_iou=NMS_IOU,
    # True profiles have a presence of 1e-6, but .85 here; backs of heads, a dog and blurred
    # patches had less than .75 (looked at on 263 detections).
    sure_confidence=0.8,
)
