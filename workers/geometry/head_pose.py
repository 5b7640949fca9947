"""Head pose: the rotation that best lays the canonical face over the landmarks found.

Axes: x to the image's right, y up, z towards the camera. Signs everywhere in this project:
yaw + = nose to image right, pitch + = up, roll + = clockwise in the image.

Source of the fit: weighted orthogonal Procrustes, as MediaPipe's face geometry module does it;
closed form by singular value decomposition (Kabsch 1976, Umeyama 1991), so it batches.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.geometry.canonical_mesh import N_VERTICES, CanonicalMesh

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HeadPoses:
    """Poses of N heads, each (N,) float64 [deg]; NaN where no rotation fits."""

    yaw_deg: Doubles
    pitch_deg: Doubles
    roll_deg: Doubles


def rotation_from_angles(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Doubles:
    """Return the rotation (3, 3) of a head: first its roll, then its pitch, then its yaw."""
    yaw, pitch, roll = np.radians((yaw_deg, pitch_deg, roll_deg))
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array(
        [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
    )
    about_z = np.array(
        [[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    )
    rotation: Doubles = about_y @ about_x @ about_z
    return rotation


def rotations_from_poses(poses: HeadPoses) -> Doubles:
    """Return the rotations (N, 3, 3) of N ≥ 0 heads; NaN where an angle is."""
    rows = zip(poses.yaw_deg, poses.pitch_deg, poses.roll_deg, strict=True)
    rotations = [rotation_from_angles(*row) for row in rows]
    return np.array(rotations).reshape(-1, 3, 3)


def angles_from_rotations(rotations: Doubles) -> HeadPoses:
    """Return the angles of rotations (N, 3, 3); the inverse of `rotation_from_angles`."""
    return HeadPoses(
        yaw_deg=np.degrees(np.arctan2(rotations[:, 0, 2], rotations[:, 2, 2])),
        pitch_deg=np.degrees(np.arcsin(np.clip(rotations[:, 1, 2], -1.0, 1.0))),
        roll_deg=-np.degrees(np.arctan2(rotations[:, 1, 0], rotations[:, 1, 1])),
    )


def fit_rotations(points_xyz: NDArray[np.float32], mesh: CanonicalMesh) -> Doubles:
    """Return the rotations (N, 3, 3) that turn the canonical face into each set of landmarks.

    Args:
        points_xyz: (N, L, 3) [px], L ≥ 468: y down and z away from the camera, as found.
        mesh: the canonical face.

    Returns:
        Rotations; NaN where the points are no numbers or all in one place.
    """
    seen = points_xyz[:, :N_VERTICES].astype(np.float64) * (1.0, -1.0, -1.0)
    used = np.flatnonzero(mesh.procrustes_weights)
    weights = mesh.procrustes_weights[used]
    model = _centred(mesh.vertices[used], weights)
    covariance = np.einsum(
        "nli,lj->nij", _centred(seen[:, used], weights), model * weights[:, None]
    )
    fits = np.isfinite(covariance).all(axis=(1, 2)) & covariance.any(axis=(1, 2))
    covariance[~fits] = np.eye(3)
    rotations = nearest_rotations(covariance)
    rotations[~fits] = np.nan
    return rotations


def nearest_rotations(matrices: Doubles) -> Doubles:
    """Return the rotations (N, 3, 3) nearest to finite matrices (N, 3, 3), by least squares."""
    left, _, right = np.linalg.svd(matrices)
    # A mirrored face is no rotation: turn the weakest axis round instead.
    mirrored = np.linalg.det(left @ right)
    left[:, :, 2] *= np.sign(mirrored)[:, None]
    rotations: Doubles = left @ right
    return rotations


def blend_rotations(first: Doubles, second: Doubles, share: Doubles) -> Doubles:
    """Return the weighted means (N, 3, 3) of two rotations each, `share` of the second.

    The chordal mean: it moves evenly from one rotation to the other and knows no angle at which
    anything jumps. Source: R. Hartley et al., "Rotation Averaging", IJCV 2013, section 5.3.

    Args:
        first: (N, 3, 3).
        second: (N, 3, 3).
        share: (N,) in 0..1.
    """
    weight = share[:, None, None]
    return nearest_rotations((1.0 - weight) * first + weight * second)


def head_poses(points_xyz: NDArray[np.float32], mesh: CanonicalMesh) -> HeadPoses:
    """Return the poses of N ≥ 0 faces from their landmarks (N, L, 3) [px]."""
    return angles_from_rotations(fit_rotations(points_xyz, mesh))


def _centred(points: Doubles, weights: Doubles) -> Doubles:
    centre = np.einsum("...li,l->...i", points, weights) / weights.sum()
    centred: Doubles = points - centre[..., None, :]
    return centred
