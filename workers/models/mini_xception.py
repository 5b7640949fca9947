"""mini_XCEPTION, the seven expressions: how a face is cut out and how the answer is ordered.

Torch is not imported here.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.messages import EXPRESSIONS
from workers.engines import Network, NetworkSpec, run_in_batches
from workers.geometry.crops import Crops, cut

SIDE_PX = 64
MARGIN = 1.0
BATCH = 32
MIN_FACE_HEIGHT_PX = 32
"""Below this the answer is a guess (.55 right at 24 px, .70 at 48): None is more honest."""

_FILE_ORDER = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
_TO_PROJECT_ORDER = [_FILE_ORDER.index(name) for name in EXPRESSIONS]

SPEC = NetworkSpec(
    name="mini_xception",
    weights="mini_xception",
    builder="workers.models.mini_xception_net:load_mini_xception",
    example_shape=(BATCH, SIDE_PX, SIDE_PX),
)


def read_expressions(
    network: Network, images: Sequence[NDArray[np.uint8]], crops: Crops
) -> NDArray[np.float32]:
    """Return probabilities (N, 7) in the order of `EXPRESSIONS` for N ≥ 1 faces.

    Args:
        network: loaded from `SPEC`.
        images: (H, W, 3) RGB.
        crops: N squares in the images.
    """
    faces = cut(images, crops, SIDE_PX)
    # One conversion for all: as a picture, the crops simply stand below one another.
    grey = cv2.cvtColor(faces.reshape(-1, SIDE_PX, 3), cv2.COLOR_RGB2GRAY).astype(np.uint8)
    (probs,) = run_in_batches(network, grey.reshape(-1, SIDE_PX, SIDE_PX), BATCH)
    return probs[:, _TO_PROJECT_ORDER]
