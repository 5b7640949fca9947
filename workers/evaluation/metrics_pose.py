"""Head pose errors, in the order of turns that the data set itself uses.

Three angles mean nothing without the order of the turns: the same head is (45, 30, 0) in one and
(45, 22, 17) in another. So the found rotation is taken apart in the set's order before angles are
subtracted, as every paper does that is trained and tested in that order.

Sources: mean absolute error per axis as in N. Ruiz, E. Chong, J. M. Rehg, "Fine-Grained Head Pose
Estimation Without Keypoints", 2018; the geodesic error, which needs no order, as in T. Hempel,
A. A. Abdelrahman, A. Al-Hamadi, "6D Rotation Representation for Unconstrained Head Pose
Estimation", 2022, eq. 5; differences across ±180° wrapped as in Y. Zhou, J. Gregson, "WHENet",
2020, eq. 6.
"""

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.labels import AngleOrder, PoseLabel
from workers.geometry.head_pose import angles_from_rotations, rotation_from_angles

Doubles = NDArray[np.float64]

_LEAST_SPREAD_DEG = 5.0
"""Told angles that vary less than this tell nothing about signs and gains."""

MEASURES = ("yaw", "pitch", "roll", "mean", "geodesic")


def rotation_in_order(yaw_deg: float, pitch_deg: float, roll_deg: float, order: str) -> Doubles:
    """Return the rotation (3, 3) of a head whose angles are told in that order of turns.

    Axes and signs are the project's: x to the image's right, y up, z towards the camera.
    """
    if order == "yxz":
        return rotation_from_angles(yaw_deg, pitch_deg, roll_deg)
    rotation: Doubles = (
        rotation_from_angles(0.0, pitch_deg, 0.0)
        @ rotation_from_angles(yaw_deg, 0.0, 0.0)
        @ rotation_from_angles(0.0, 0.0, roll_deg)
    )
    return rotation


def angles_in_order(rotation: Doubles, order: AngleOrder) -> Doubles:
    """Return yaw, pitch and roll [deg] of a rotation (3, 3); undoes `rotation_in_order`."""
    if order == "yxz":
        poses = angles_from_rotations(rotation[None])
        return np.array([poses.yaw_deg[0], poses.pitch_deg[0], poses.roll_deg[0]])
    yaw = np.arcsin(np.clip(rotation[0, 2], -1.0, 1.0))
    pitch = np.arctan2(rotation[1, 2], rotation[2, 2])
    roll = np.arctan2(rotation[0, 1], rotation[0, 0])
    angles: Doubles = np.degrees(np.array([yaw, pitch, roll]))
    return angles


def pose_errors(label: PoseLabel, found: tuple[float, float, float]) -> Doubles:
    """Return |yaw|, |pitch|, |roll| errors, their mean and the geodesic error [deg], (5,).

    NaN where the set does not tell the angle. The mean is over the axes that it tells.

    Args:
        label: in the set's order.
        found: yaw, pitch, roll as this project tells them.
    """
    rotation = rotation_from_angles(*found)
    told = np.array([label.yaw_deg, label.pitch_deg, label.roll_deg])
    errors = wrapped_difference(angles_in_order(rotation, label.order), told)
    geodesic = np.nan
    if np.isfinite(told).all():
        geodesic = geodesic_error_deg(rotation, _rotation_of(label))
    known = errors[np.isfinite(errors)]
    return np.array([*errors, known.mean() if len(known) else np.nan, geodesic])


def _rotation_of(label: PoseLabel) -> Doubles:
    return rotation_in_order(label.yaw_deg, label.pitch_deg, label.roll_deg, label.order)


def wrapped_difference(a_deg: Doubles, b_deg: Doubles) -> Doubles:
    """Return |a - b| the short way round, 0..180 [deg]."""
    difference = np.abs(a_deg - b_deg) % 360.0
    short: Doubles = np.minimum(difference, 360.0 - difference)
    return short


def geodesic_error_deg(a: Doubles, b: Doubles) -> float:
    """Return the angle of the one rotation that leads from (3, 3) to (3, 3) [deg]."""
    cosine = (np.trace(a @ b.T) - 1.0) / 2.0
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def mean_errors(errors: Doubles, weights: Doubles) -> Doubles:
    """Return the weighted mean (5,) of errors (N, 5), each without its NaN; NaN where none."""
    known = np.isfinite(errors)
    total = np.where(known, errors, 0.0).T @ weights
    count = known.T @ weights
    means = np.full(len(count), np.nan)
    np.divide(total, count, out=means, where=count > 0)
    return means


def gains(told: Doubles, found: Doubles, weights: Doubles) -> Doubles:
    """Return by how much each found angle grows with the told one (3,): 1 is right.

    Slopes of weighted least squares; NaN where nothing varies. Below 1 either the method turns
    heads too little, or people turned less than they were told to: methods that share nothing tell
    which.

    Args:
        told: (N, 3) yaw, pitch, roll [deg], NaN where unknown.
        found: (N, 3) in the same order of turns.
        weights: (N,).
    """
    slopes = np.full(3, np.nan)
    for axis in range(3):
        known = np.isfinite(told[:, axis]) & np.isfinite(found[:, axis]) & (weights > 0)
        a, b, w = told[known, axis], found[known, axis], weights[known]
        if len(a) < 10:
            continue
        a, b = a - (a @ w) / w.sum(), b - (b @ w) / w.sum()
        if (spread := (a * a) @ w / w.sum()) > _LEAST_SPREAD_DEG**2:
            slopes[axis] = (a * b) @ w / w.sum() / spread
    return slopes


def sign_correlations(told: Doubles, found: Doubles) -> Doubles:
    """Return the correlation (3,) of told with found angles (N, 3); NaN where nothing varies.

    A clearly negative one means that a sign was read the wrong way round.
    """
    correlations = np.full(3, np.nan)
    for axis in range(3):
        known = np.isfinite(told[:, axis]) & np.isfinite(found[:, axis])
        a, b = told[known, axis], found[known, axis]
        if len(a) >= 10 and a.std() > _LEAST_SPREAD_DEG and b.std() > 0.0:
            correlations[axis] = np.corrcoef(a, b)[0, 1]
    return correlations
