"""How mini_XCEPTION and big_XCEPTION are fed and read: grey crops of 64 x 64, FER2013's classes.

Torch is not imported here.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.messages import EXPRESSIONS
from workers.engines import Network, NetworkSpec, run_in_batches
from workers.geometry.crops import crops_around, cut
from workers.stages import Floats, Image

SIDE_PX = 64
MARGIN = 1.0
"""Side of the crop over the longer side of the box; docs/studies/expression.md doubts it."""
BATCH = 32

_FILE_ORDER = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
_TO_PROJECT_ORDER = [_FILE_ORDER.index(name) for name in EXPRESSIONS]


def xception_spec(name: str) -> NetworkSpec:
    """Return the specification of `mini_xception` or `big_xception`."""
    return NetworkSpec(
        name=name,
        weights=name,
        builder=f"workers.models.{name}_net:load_{name}",
        example_shape=(BATCH, SIDE_PX, SIDE_PX),
    )


def grey_crops(
    images: Sequence[Image], boxes: Floats, points: Floats, image_index: NDArray[np.intp]
) -> Image:
    """Return N ≥ 1 faces as grey crops (N, 64, 64); arguments as an `ExpressionReader`'s."""
    faces = cut(images, crops_around(boxes, points[:, :2], image_index, MARGIN), SIDE_PX)
    # One conversion for all: as a picture, the crops simply stand below one another.
    grey = cv2.cvtColor(faces.reshape(-1, SIDE_PX, 3), cv2.COLOR_RGB2GRAY).astype(np.uint8)
    return grey.reshape(-1, SIDE_PX, SIDE_PX)


def read_xception(network: Network, grey: Image) -> Floats:
    """Return the probabilities (N, 7) of grey crops in the order of `EXPRESSIONS`."""
    (probs,) = run_in_batches(network, grey, BATCH)
    return probs[:, _TO_PROJECT_ORDER]
