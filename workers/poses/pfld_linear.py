"""The seed's own pose: straight lines through five of the 98 points, fitted by its authors.

Source: WIKI2020/FacePose_pytorch, video.py; the numbers are its own. In the seed a head turned to
the image left has the positive yaw, and one that looks down the positive pitch: both are negated
here. Kept as a baseline. What differs from the seed: nothing is cut to whole degrees, and beyond
the jaw's points the yaw goes on growing, where the seed's distance turned back.

With the average face's own points it reads a yaw of 20 degrees as 25, 30 as 39, 45 as 69, and a
pitch of 0 as -4; on Pointing'04, from the 478 points, it is off by 10.1 degrees of yaw within 30
and by 16.8 within 60, where procrustes is off by 5.9 and 7.3.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.engines import Engine
from workers.geometry.head_pose import Doubles, HeadPoses
from workers.geometry.wflw import wflw_of_mesh
from workers.stages import Found, PoseEstimator, PoseMethod

_JAW_LEFT: Final = 1
_JAW_RIGHT: Final = 31
_NOSE_ROOT: Final = 51
_EYE_LEFT: Final = 60
_EYE_RIGHT: Final = 72
_CROP_PX: Final = 112.0


def linear_angles(points_xy: NDArray[np.floating], side_px: NDArray[np.floating]) -> HeadPoses:
    """Return the angles of N faces as the seed computes them, in the project's signs.

    Args:
        points_xy: (N, 98, 2) [px].
        side_px: (N,) side of the square that the seed would have cut out; it counts distances in
            pixels of that square shrunk to 112.
    """
    points = points_xy.astype(np.float64)
    left, right = points[:, _JAW_LEFT], points[:, _JAW_RIGHT]
    length = np.linalg.norm(right - left, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        along = (right - left) / length[:, None]
        nose = points[:, _NOSE_ROOT] - left
        # The nose root's foot on the line between the jaw's points, and its height below it.
        foot = np.einsum("nd,nd->n", nose, along)
        below = along[:, 0] * nose[:, 1] - along[:, 1] * nose[:, 0]
        yaw = 71.58 * (length / 2 - foot) / (length / 2) + 0.7037
        pitch = 1.497 * below * _CROP_PX / side_px + 18.97
    eyes = points[:, _EYE_RIGHT] - points[:, _EYE_LEFT]
    roll = np.degrees(np.arctan2(eyes[:, 1], eyes[:, 0]))
    return _all_or_none(-yaw, -pitch, roll)


def _all_or_none(yaw: Doubles, pitch: Doubles, roll: Doubles) -> HeadPoses:
    rows = np.stack((yaw, pitch, roll))
    rows[:, ~np.isfinite(rows).all(axis=0)] = np.nan
    return HeadPoses(*rows)


def _estimate(found: Found) -> HeadPoses:
    points = found.landmarks.points_xyz[..., :2]
    sides = found.boxes_xyxy[:, 2:] - found.boxes_xyxy[:, :2]
    # 478 points have the 98 among them; so the seed's formula can be had without its network.
    chosen = points if points.shape[1] == 98 else wflw_of_mesh(points)
    return linear_angles(chosen, np.maximum(sides.max(axis=1), 1.0))


def _build(_load: Engine) -> PoseEstimator:
    return _estimate


POSE = PoseMethod(
    name="pfld_linear", landmarks=("pfld98", "mediapipe478"), networks=(), build=_build
)
