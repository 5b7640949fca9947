"""PFLD-98, the seed's landmark network: 98 WFLW points in a 112 x 112 crop, no depth.

No trained weights can be shipped: the user brings a checkpoint (`workers.user_weights`). Point
numbers are WFLW's (`workers.geometry.wflw`). Torch is not imported here.

The crop is the seed's (WIKI2020/FacePose_pytorch, video.py): upright, black beyond the picture,
RGB. Its side is 1.1 times the box's longer side as in PFLD-pytorch's camera.py; training cut out
1.2 times the box of the points, which is smaller than a detector's box.
"""

import numpy as np
from numpy.typing import NDArray

from workers.engines import NetworkSpec, Outputs
from workers.geometry.crops import Crops, from_crop
from workers.geometry.wflw import EYES_98, FIVE_98
from workers.stages import Floats, LandmarkModel, Landmarks

SIDE_PX = 112
MARGIN = 1.1
N_POINTS = 98
BATCH = 8

SPEC = NetworkSpec(
    name="pfld98",
    weights="pfld98",
    builder="workers.models.pfld98_net:load_pfld98",
    example_shape=(BATCH, SIDE_PX, SIDE_PX, 3),
)


def crop(boxes_xyxy: Floats, _points_xy: Floats, image_index: NDArray[np.intp]) -> Crops:
    """Return the upright squares that the network sees."""
    sides = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    return Crops(
        image_index=image_index,
        centre_xy=boxes_xyxy[:, :2] + sides * np.float32(0.5),
        side_px=np.maximum(sides.max(axis=1), 1.0) * np.float32(MARGIN),
        angle_rad=np.zeros(len(boxes_xyxy), np.float32),
    )


def read(outputs: Outputs, crops: Crops) -> Landmarks:
    """Return the points in the pictures, from points (N, 98, 2) in 0..1 of the crop; z is 0."""
    (fractions,) = outputs
    flat = fractions * np.float32(SIDE_PX)
    points = np.concatenate((flat, np.zeros((*flat.shape[:2], 1), np.float32)), axis=-1)
    return Landmarks(from_crop(points, crops, SIDE_PX), presence=None)


def five_points(points_xyz: Floats) -> Floats:
    """Return pupils, nose tip and corners of the mouth (N, 5, 2)."""
    return points_xyz[:, FIVE_98, :2]


LANDMARKER = LandmarkModel(
    name="pfld98",
    spec=SPEC,
    side_px=SIDE_PX,
    margin=MARGIN,
    n_points=N_POINTS,
    batch=BATCH,
    crop=crop,
    read=read,
    five_points=five_points,
    eyes=EYES_98,
)
