"""MediaPipe's 478 face landmarks: how a face is cut out and how the network's answer is read.

Point numbers are MediaPipe's. Torch is not imported here.
"""

import numpy as np
from numpy.typing import NDArray

from workers.engines import NetworkSpec, Outputs
from workers.geometry.crops import Crops, crops_around, from_crop
from workers.stages import Floats, LandmarkModel, Landmarks

SIDE_PX = 256
MARGIN = 1.5
"""The crop's side over the longer side of the detector's box, as in MediaPipe's own graph."""
BATCH = 8
"""Faces a batch on a CPU: more gain nothing there, fewer cost time."""

_EYES = np.array(
    [
        (33, 160, 158, 133, 153, 144),  # the person's right eye: left in the image
        (362, 385, 387, 263, 373, 380),  # the person's left eye: right in the image
    ]
)
_IRISES, _NOSE, _MOUTH = (468, 473), 1, (61, 291)

SPEC = NetworkSpec(
    name="mediapipe478",
    weights="face_landmarker",
    builder="workers.models.mediapipe478_net:load_mediapipe478",
    example_shape=(BATCH, SIDE_PX, SIDE_PX, 3),
    # Rounded to bf16, the points (up to 256) would lie on a grid of one pixel.
    exact_layers=("points", "presence"),
    few_channels=True,
)


def crop(boxes_xyxy: Floats, points_xy: Floats, image_index: NDArray[np.intp]) -> Crops:
    """Return the squares that the network sees: level eyes, 1.5 times the box."""
    return crops_around(boxes_xyxy, points_xy[:, :2], image_index, MARGIN)


def read(outputs: Outputs, crops: Crops) -> Landmarks:
    """Return the points in the pictures, from points in the crops and presence logits."""
    points, logits = outputs
    presence = 1.0 / (1.0 + np.exp(-logits.astype(np.float64)))
    return Landmarks(from_crop(points, crops, SIDE_PX), presence.astype(np.float32))


def five_points(points_xyz: Floats) -> Floats:
    """Return irises, nose tip and corners of the mouth (N, 5, 2)."""
    return points_xyz[:, (*_IRISES, _NOSE, *_MOUTH), :2]


LANDMARKER = LandmarkModel(
    name="mediapipe478",
    spec=SPEC,
    side_px=SIDE_PX,
    margin=MARGIN,
    n_points=478,
    batch=BATCH,
    crop=crop,
    read=read,
    five_points=five_points,
    eyes=_EYES,
)
