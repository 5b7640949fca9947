"""Eye openness as the eye aspect ratio (EAR): height over width, about .3 open, .1 closed.

Source: T. Soukupová, J. Čech, "Real-Time Eye Blink Detection using Facial Landmarks", 2016.
"""

import numpy as np
from numpy.typing import NDArray


def eye_openness(points_xyz: NDArray[np.float32], eyes: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the EAR (N, 2) of the image-left and image-right eye of N faces.

    Measured in space, not in the picture: a turned head does not narrow the eye.

    Args:
        points_xyz: (N, L, 3) [px].
        eyes: (2, 6) numbers of the points of the image-left and the image-right eye: outer or left
            corner, two points of the upper lid, other corner, two of the lower lid.
    """
    corners = points_xyz[:, eyes]
    height = _distance(corners[:, :, 1], corners[:, :, 5]) + _distance(
        corners[:, :, 2], corners[:, :, 4]
    )
    width = _distance(corners[:, :, 0], corners[:, :, 3])
    ratio: NDArray[np.float32] = height / np.maximum(2.0 * width, 1e-6)
    return ratio.astype(np.float32)


def _distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    length: NDArray[np.float32] = np.linalg.norm(a - b, axis=-1)
    return length
