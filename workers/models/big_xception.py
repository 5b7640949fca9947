"""big_XCEPTION, the seven expressions: how a face is cut out and how the answer is ordered.

Torch is not imported here.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.engines import Engine
from workers.models.xception_input import grey_crops, read_xception, xception_spec
from workers.stages import ExpressionModel, ExpressionReader, Floats, Image

SPEC = xception_spec("big_xception")


def _build(load: Engine) -> ExpressionReader:
    network = load(SPEC)

    def read(
        images: Sequence[Image], boxes: Floats, points: Floats, image_index: NDArray[np.intp]
    ) -> Floats:
        return read_xception(network, grey_crops(images, boxes, points, image_index))

    return read


EXPRESSION = ExpressionModel(name="big_xception", networks=(SPEC,), build=_build)
