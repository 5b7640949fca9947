"""6DRepNet360, head pose from the picture: how a head is cut out and how the answer is read.

Torch is not imported here.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.engines import Network, NetworkSpec, run_in_batches
from workers.geometry.crops import Crops, crops_around, cut
from workers.geometry.head_pose import Doubles, HeadPoses, rotations_from_poses

SIDE_PX = 224
MARGIN = 1.4
"""The crop's side over the box's longer side. The authors' demo keeps the middle square of a box
enlarged by .2 of its other side all round: about 1.2. Squares of 1.0 to 1.8 differ by .9 degrees of
yaw; squeezing the oblong box into the square costs 4 degrees beyond 60."""
BATCH = 8

Floats = NDArray[np.float32]

SPEC = NetworkSpec(
    name="sixdrepnet360",
    weights="sixdrepnet360",
    builder="workers.models.sixdrepnet360_net:load_sixdrepnet360",
    example_shape=(1, SIDE_PX, SIDE_PX, 3),
)


def head_crops(boxes_xyxy: Floats, points_xy: Floats, image_index: NDArray[np.intp]) -> Crops:
    """Return the squares about N heads, turned so that the eyes are level.

    The authors cut out upright squares. On pictures turned by 30 degrees the network is then 3
    degrees away from what it says of the unturned ones; with level eyes .6.

    Args:
        boxes_xyxy: (N, 4) [px].
        points_xy: (N, 5, 2) [px], the eyes first.
        image_index: (N,) which picture each head is in.
    """
    return crops_around(boxes_xyxy, points_xy[:, :2], image_index, MARGIN)


def head_rotations(network: Network, images: Sequence[NDArray[np.uint8]], crops: Crops) -> Doubles:
    """Return the rotations (N, 3, 3) of N ≥ 0 heads, see `workers.geometry.head_pose`.

    Args:
        network: loaded from `SPEC`.
        images: (H, W, 3) RGB.
        crops: N squares in the images.
    """
    if not len(crops):
        return np.empty((0, 3, 3))
    (six,) = run_in_batches(network, cut(images, crops, SIDE_PX), BATCH)
    turns = np.degrees(crops.angle_rad.astype(np.float64))
    upright = np.zeros(len(crops))
    return rotations_from_poses(HeadPoses(upright, upright, turns)) @ rotations_of(six)


def rotations_of(six: Floats) -> Doubles:
    """Return the rotations (N, 3, 3) that the network's six numbers (N, 6) stand for.

    The numbers are two columns that are made square to one another; the third follows (Y. Zhou
    et al., "On the Continuity of Rotation Representations in Neural Networks", CVPR 2019).

    The network learnt Rz·Ry·Rx of 300W-LP's angles. 300W-LP itself turns a head by the transpose of
    that (J. Guo's face3d: `angle2matrix_3ddfa`), with x right, y up and z towards the camera: so
    the transpose is the head's rotation in this project's axes. Taking the angles one by one
    instead reads yaw and pitch in another order of turns: 2.6 degrees of yaw worse on Pointing'04.
    """
    first, second = six[:, :3].astype(np.float64), six[:, 3:].astype(np.float64)
    first /= np.maximum(np.linalg.norm(first, axis=1, keepdims=True), 1e-12)
    third = np.cross(first, second)
    third /= np.maximum(np.linalg.norm(third, axis=1, keepdims=True), 1e-12)
    return np.stack((first, np.cross(third, first), third), axis=1)
