"""Pose by laying the canonical face over the 478 landmarks (`workers.geometry.head_pose`)."""

from workers.engines import Engine
from workers.geometry.canonical_mesh import CanonicalMesh, load_canonical_mesh
from workers.geometry.head_pose import (
    Doubles,
    HeadPoses,
    angles_from_rotations,
    fit_rotations,
)
from workers.stages import Found, PoseEstimator, PoseMethod


def mesh_rotations(found: Found, mesh: CanonicalMesh) -> Doubles:
    """Return the rotations (N, 3, 3) of the meshes; NaN where none fits or there is no face."""
    rotations = fit_rotations(found.landmarks.points_xyz, mesh)
    rotations[~found.marked] = float("nan")
    return rotations


def mesh_poses(found: Found, mesh: CanonicalMesh) -> HeadPoses:
    """Return the poses of the meshes; NaN where none fits or there is no face."""
    return angles_from_rotations(mesh_rotations(found, mesh))


def _build(_load: Engine) -> PoseEstimator:
    mesh = load_canonical_mesh()
    return lambda found: mesh_poses(found, mesh)


POSE = PoseMethod(name="procrustes", landmarks=("mediapipe478",), networks=(), build=_build)
