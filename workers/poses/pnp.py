"""Pose from flat points alone: which turn and place of the average face explains the picture.

Perspective-n-point by OpenCV: SQPnP (G. Terzakis, M. Lourakis, ECCV 2020) finds a start without
being told one, Levenberg and Marquardt's refinement follows. It needs no depth, so any 98 points
do; the 478 are taken at the same places.

The camera is taken to look through the middle of the picture, with square pixels and a focal
length that is the picture's width (53 degrees across) unless it is known. Told is the head's turn
against the line of sight from the camera to it, as by the other ways to the angles: a head that
faces the camera has no yaw wherever in the picture it is.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.engines import Engine
from workers.geometry.head_pose import Doubles, HeadPoses, angles_from_rotations
from workers.geometry.wflw import model_points_98, wflw_of_mesh
from workers.stages import Found, PoseEstimator, PoseMethod

RIGID: Final = np.array([*range(51, 60), 60, 64, 68, 72, 33, 37, 42, 46, 76, 82])
"""Bridge and base of the nose, corners of the eyes, ends of the brows, corners of the mouth."""
_FLIP: Final = np.array([1.0, -1.0, -1.0])
"""From the project's axes (y up, z towards the camera) to OpenCV's (y down, z away), and back."""


def pnp_rotation(points_xy: Doubles, focal_px: float, centre_xy: Doubles) -> Doubles:
    """Return the rotation (3, 3) of one face against its line of sight; NaN where none fits.

    Args:
        points_xy: (98, 2) [px].
        focal_px: of the camera.
        centre_xy: (2,) where its axis meets the picture [px].
    """
    nothing = np.full((3, 3), np.nan)
    seen, model = points_xy[RIGID], model_points_98()[RIGID] * _FLIP
    if not np.isfinite(seen).all() or not np.ptp(seen, axis=0).all():
        return nothing
    camera = np.array([[focal_px, 0, centre_xy[0]], [0, focal_px, centre_xy[1]], [0, 0, 1.0]])
    try:
        fits, turn, place = cv2.solvePnP(model, seen, camera, None, flags=cv2.SOLVEPNP_SQPNP)
        if fits:
            turn, place = cv2.solvePnPRefineLM(model, seen, camera, None, turn, place)
    except cv2.error:
        return nothing
    place = place.ravel()
    if not fits or not np.isfinite(turn).all() or not place[2] > 0:
        return nothing
    against_axis = _FLIP[:, None] * cv2.Rodrigues(turn)[0] * _FLIP
    against_sight: Doubles = _line_of_sight(place * _FLIP).T @ against_axis
    return against_sight


def pnp_poses(points_xy: NDArray[np.floating], focal_px: Doubles, centres_xy: Doubles) -> HeadPoses:
    """Return the poses of N ≥ 0 faces from points (N, 98, 2) [px]; see `pnp_rotation`.

    Args:
        points_xy: (N, 98, 2) [px].
        focal_px: (N,) of the cameras.
        centres_xy: (N, 2) middles of the pictures [px].
    """
    rotations = np.full((len(points_xy), 3, 3), np.nan)
    for n, points in enumerate(points_xy.astype(np.float64)):
        rotations[n] = pnp_rotation(points, float(focal_px[n]), centres_xy[n])
    return angles_from_rotations(rotations)


def _line_of_sight(place: Doubles) -> Doubles:
    """Return the rotation (3, 3) of a head at `place` that faces the camera.

    Yaw after pitch, and no roll: what is upright in the picture stays so.
    """
    x, y, z = place / np.linalg.norm(place)
    across = np.hypot(x, z)
    about_y = np.array([[-z / across, 0, -x / across], [0, 1, 0], [x / across, 0, -z / across]])
    about_x = np.array([[1, 0, 0], [0, across, -y], [0, y, across]])
    turned: Doubles = about_y @ about_x
    return turned


def pnp_estimator(focal_px: float | None = None) -> PoseEstimator:
    """Return the estimator for cameras of one focal length [px]; None: the picture's width."""

    def estimate(found: Found) -> HeadPoses:
        flat = found.landmarks.points_xyz[..., :2]
        points = flat if flat.shape[1] == 98 else wflw_of_mesh(flat)
        sizes = np.array([image.shape[1::-1] for image in found.images], np.float64)
        mine = sizes.reshape(-1, 2)[found.image_index]
        focal = mine[:, 0] if focal_px is None else np.full(len(mine), focal_px)
        points = np.where(found.marked[:, None, None], points, np.nan)
        return pnp_poses(points, focal, mine / 2)

    return estimate


def _build(_load: Engine) -> PoseEstimator:
    return pnp_estimator()


POSE = PoseMethod(name="pnp", landmarks=("pfld98", "mediapipe478"), networks=(), build=_build)
