"""CenterFace, a detector that sees small faces better and costs several times YuNet's time.

Torch is not imported here: an engine that holds the compiled network does without it.
"""

from collections.abc import Sequence

import numpy as np

from workers.engines import NetworkSpec
from workers.models.grid_detector import best_faces, candidates, exp_of, scale_and_pad
from workers.stages import Detections, DetectorModel, Floats

STRIDE = 4
NMS_IOU = 0.3

SPEC = NetworkSpec(
    name="centerface",
    weights="centerface",
    builder="workers.models.centerface_net:load_centerface",
    example_shape=(1, 320, 640, 3),
    free_axes=(0, 1, 2),
)


def read_answer(
    outputs: Sequence[Floats], scale_xy: tuple[float, float], threshold: float
) -> Detections:
    """Return one picture's faces from the network's two outputs for it.

    The published reading moves boxes that begin beyond the picture's edge, and their points with
    them; here they stay where the network puts them.

    Args:
        outputs: scores (h, w) and geometry (14, h, w): log height, log width, offset down and
            across, then y and x of five points relative to the box.
        scale_xy: pixels of the prepared picture for one of the original, across and down.
        threshold: least confidence of a face.

    Source: the paper's section 3.2, and the reading in Star-Clouds/CenterFace (MIT).
    """
    cells, values, sure = candidates(outputs[0], outputs[1], threshold)
    cell_px = np.float32(STRIDE)
    sides: Floats = exp_of(values[:, 1::-1]) * cell_px
    centres: Floats = (cells + values[:, 3:1:-1] + np.float32(0.5)) * cell_px
    corners: Floats = centres - sides * np.float32(0.5)
    down_across = values[:, 4:].reshape(-1, 5, 2)
    points: Floats = down_across[:, :, ::-1] * sides[:, None] + corners[:, None]
    boxes: Floats = np.concatenate((corners, corners + sides), axis=1)
    return best_faces(boxes, points, sure, scale_xy, NMS_IOU)


DETECTOR = DetectorModel(
    name="centerface",
    spec=SPEC,
    prepare=scale_and_pad,
    read_answer=read_answer,
    min_confidence=0.35,
    nms_iou=NMS_IOU,
    # Of 66 true profiles in which the landmark network saw no face three in four had more; leaves
    # and a glass had less than .5, but a dog's face .70, which is let in.
    sure_confidence=0.6,
)
