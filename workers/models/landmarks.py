"""The 478 face landmarks: how a face is cut out and how the network's answer is read.

Point numbers are MediaPipe's. Torch is not imported here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.engines import Network, NetworkSpec, run_in_batches
from workers.geometry.crops import Crops, cut, from_crop

SIDE_PX = 256
MARGIN = 1.5
"""The crop's side over the longer side of the detector's box, as in MediaPipe's own graph."""
BATCH = 8
"""Faces a batch on a CPU: more gain nothing there, fewer cost time."""

SPEC = NetworkSpec(
    name="landmarks",
    weights="face_landmarker",
    builder="workers.models.landmarks_net:load_landmarks",
    example_shape=(BATCH, SIDE_PX, SIDE_PX, 3),
)


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Points of N faces in the pixels of their pictures.

    Attributes:
        points_xyz: (N, 478, 3) float32 [px]; z away from the camera, in pixels like x.
        presence: (N,) float32 in 0..1, the network's opinion that there is a face.
    """

    points_xyz: NDArray[np.float32]
    presence: NDArray[np.float32]


def find_landmarks(
    network: Network, images: Sequence[NDArray[np.uint8]], crops: Crops, batch: int = BATCH
) -> Landmarks:
    """Cut the faces out and run the network over all of them.

    Args:
        network: loaded from `SPEC`.
        images: (H, W, 3) RGB.
        crops: N ≥ 1 squares in the images.
        batch: faces in one run of the network.
    """
    points, logits = run_in_batches(network, cut(images, crops, SIDE_PX), batch)
    presence = 1.0 / (1.0 + np.exp(-logits.astype(np.float64)))
    return Landmarks(
        points_xyz=from_crop(points, crops, SIDE_PX), presence=presence.astype(np.float32)
    )
