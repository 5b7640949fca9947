"""mini_XCEPTION, the seven expressions: how a face is cut out and how the answer is ordered.

Torch is not imported here.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.messages import EXPRESSIONS
from workers.engines import Engine, NetworkSpec, run_in_batches
from workers.geometry.crops import crops_around, cut
from workers.stages import ExpressionModel, ExpressionReader, Floats, Image

SIDE_PX = 64
MARGIN = 1.0
BATCH = 32

_FILE_ORDER = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
_TO_PROJECT_ORDER = [_FILE_ORDER.index(name) for name in EXPRESSIONS]

SPEC = NetworkSpec(
    name="mini_xception",
    weights="mini_xception",
    builder="workers.models.mini_xception_net:load_mini_xception",
    example_shape=(BATCH, SIDE_PX, SIDE_PX),
)


def _build(load: Engine) -> ExpressionReader:
    network = load(SPEC)

    def read(
        images: Sequence[Image], boxes: Floats, points: Floats, image_index: NDArray[np.intp]
    ) -> Floats:
        faces = cut(images, crops_around(boxes, points[:, :2], image_index, MARGIN), SIDE_PX)
        # One conversion for all: as a picture, the crops simply stand below one another.
        grey = cv2.cvtColor(faces.reshape(-1, SIDE_PX, 3), cv2.COLOR_RGB2GRAY).astype(np.uint8)
        (probs,) = run_in_batches(network, grey.reshape(-1, SIDE_PX, SIDE_PX), BATCH)
        return probs[:, _TO_PROJECT_ORDER]

    return read


EXPRESSION = ExpressionModel(name="mini_xception", networks=(SPEC,), build=_build)
