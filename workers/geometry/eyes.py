"""Eye openness as the eye aspect ratio (EAR): height over width, about .3 open, .1 closed.

Source: T. Soukupová, J. Čech, "Real-Time Eye Blink Detection using Facial Landmarks", 2016, with
the six points of each eye among MediaPipe's 478.
"""

import numpy as np
from numpy.typing import NDArray

_EYES = np.array(
    [
        (33, 160, 158, 133, 153, 144),  # the person's right eye: left in the image
        (362, 385, 387, 263, 373, 380),  # the person's left eye: right in the image
    ]
)
"""Outer or left corner, two points of the upper lid, other corner, two of the lower lid."""


def eye_openness(points_xyz: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the EAR (N, 2) of the image-left and image-right eye of N faces.

    Measured in space, not in the picture: a turned head does not narrow the eye.

    Args:
        points_xyz: (N, 478, 3) [px].
    """
    corners = points_xyz[:, _EYES]
    height = _distance(corners[:, :, 1], corners[:, :, 5]) + _distance(
        corners[:, :, 2], corners[:, :, 4]
    )
    width = _distance(corners[:, :, 0], corners[:, :, 3])
    ratio: NDArray[np.float32] = height / np.maximum(2.0 * width, 1e-6)
    return ratio.astype(np.float32)


def _distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    length: NDArray[np.float32] = np.linalg.norm(a - b, axis=-1)
    return length
