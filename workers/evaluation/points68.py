"""From the networks' own points to the 68 of 300-W.

The tables are this project's own choice. For the 478: eyes, brows and mouth corners are the mesh's
vertices at the same feature; where 300-W spaces points evenly (the jaw from the height of the
eyes to the chin, the ridge of the nose, the lips between corner and middle), the vertex nearest to
even spacing on the canonical face. Point definitions still differ: 300-W's jaw follows the visible
edge of the face, the mesh's its anatomy, so a turned face's jaw cannot agree; figures are told with
and without the jaw. For the 98 of WFLW (W. Wu et al., "Look at Boundary", 2018) every point of the
68 has a counterpart; of its jaw every other point is taken, of its eyes all but the middles of the
lids, of its brows the upper edge.
"""

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.errors import EvaluationError

# fmt: off
_OF_478 = (
    127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356,  # jaw
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,                                      # brows
    168, 197, 195, 4, 98, 97, 2, 326, 327,                                              # nose
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,                          # eyes
    61, 39, 37, 0, 267, 269, 291, 321, 314, 17, 84, 91,                                 # outer lips
    78, 81, 13, 311, 308, 402, 14, 178,                                                 # inner lips
)
_OF_98 = (
    0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32,
    33, 34, 35, 36, 37, 42, 43, 44, 45, 46,
    51, 52, 53, 54, 55, 56, 57, 58, 59,
    60, 61, 63, 64, 65, 67, 68, 69, 71, 72, 73, 75,
    76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87,
    88, 89, 90, 91, 92, 93, 94, 95,
)
# fmt: on

TABLES = {478: np.array(_OF_478), 98: np.array(_OF_98)}


def to_68(points_xy: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the 68 points (68, 2) among a network's points (L, 2).

    Raises:
        EvaluationError: no table for L points.
    """
    if len(points_xy) not in TABLES:
        raise EvaluationError(
            f"no table from {len(points_xy)} landmarks to the 68 of 300-W; "
            f"there is one for {' and '.join(map(str, TABLES))}"
        )
    chosen: NDArray[np.float64] = points_xy[TABLES[len(points_xy)]].astype(np.float64)
    return chosen
