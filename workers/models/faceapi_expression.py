"""face-api's expression network: how a face is cut out and how the answer is ordered.

Torch is not imported here.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.messages import EXPRESSIONS
from workers.engines import Engine, Network, NetworkSpec, run_in_batches
from workers.geometry.crops import crops_around, cut
from workers.stages import ExpressionModel, ExpressionReader, Floats, Image

SIDE_PX = 112
MARGIN = 1.2
"""Side of the crop over the longer side of the box. For faces above some 300 px in the detector 1.0
would be better; a classroom's are smaller (docs/studies/expression.md)."""
BATCH = 16

_FILE_ORDER = ("neutral", "happiness", "sadness", "anger", "fear", "disgust", "surprise")
_TO_PROJECT_ORDER = [_FILE_ORDER.index(name) for name in EXPRESSIONS]

SPEC = NetworkSpec(
    name="faceapi_expression",
    weights="faceapi_expression",
    builder="workers.models.faceapi_expression_net:load_faceapi_expression",
    example_shape=(BATCH, SIDE_PX, SIDE_PX, 3),
)


def colour_crops(
    images: Sequence[Image], boxes: Floats, points: Floats, image_index: NDArray[np.intp]
) -> Image:
    """Return N ≥ 1 faces as crops (N, 112, 112, 3); arguments as an `ExpressionReader`'s."""
    return cut(images, crops_around(boxes, points[:, :2], image_index, MARGIN), SIDE_PX)


def read_faceapi(network: Network, faces: Image) -> Floats:
    """Return the probabilities (N, 7) of crops in the order of `EXPRESSIONS`."""
    (probs,) = run_in_batches(network, faces, BATCH)
    return probs[:, _TO_PROJECT_ORDER]


def _build(load: Engine) -> ExpressionReader:
    network = load(SPEC)

    def read(
        images: Sequence[Image], boxes: Floats, points: Floats, image_index: NDArray[np.intp]
    ) -> Floats:
        return read_faceapi(network, colour_crops(images, boxes, points, image_index))

    return read


EXPRESSION = ExpressionModel(name="faceapi_expression", networks=(SPEC,), build=_build)
