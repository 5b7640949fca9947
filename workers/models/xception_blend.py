"""mini_XCEPTION, big_XCEPTION and face-api's network together: a weighted sum of their logarithms.

Log-linear pooling (C. Genest, J. V. Zidek, "Combining Probability Distributions", 1986). The three
weigh the same; only the sum of the weights was fitted (docs/studies/expression.md). It is below
one because the networks are too sure of themselves: an inverse temperature. No class is favoured: a
bias fitted there would be the mixture of classes that students collected, not a classroom's.

Torch is not imported here.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.engines import Engine
from workers.models import big_xception, faceapi_expression, mini_xception
from workers.models.faceapi_expression import colour_crops, read_faceapi
from workers.models.xception_input import grey_crops, read_xception
from workers.stages import ExpressionModel, ExpressionReader, Floats, Image

WEIGHTS = (0.25, 0.25, 0.25)
"""Of mini_XCEPTION, big_XCEPTION and face-api's network."""
FLOOR = 1e-3
"""Added to each probability: no network alone can rule a class out."""


def blend(probs: Sequence[Floats], weights: Sequence[float] = WEIGHTS) -> Floats:
    """Return the pooled probabilities (N, 7) of one (N, 7) a network."""
    logits = sum(weight * np.log(one + FLOOR) for weight, one in zip(weights, probs, strict=True))
    powers = np.exp(logits - np.max(logits, axis=1, keepdims=True))
    pooled: Floats = powers / powers.sum(axis=1, keepdims=True)
    return pooled


def _build(load: Engine) -> ExpressionReader:
    mini, big = load(mini_xception.SPEC), load(big_xception.SPEC)
    face = load(faceapi_expression.SPEC)

    def read(
        images: Sequence[Image], boxes: Floats, points: Floats, image_index: NDArray[np.intp]
    ) -> Floats:
        grey = grey_crops(images, boxes, points, image_index)
        colour = colour_crops(images, boxes, points, image_index)
        return blend(
            [read_xception(mini, grey), read_xception(big, grey), read_faceapi(face, colour)]
        )

    return read


EXPRESSION = ExpressionModel(
    name="xception_blend",
    networks=(mini_xception.SPEC, big_xception.SPEC, faceapi_expression.SPEC),
    build=_build,
)
