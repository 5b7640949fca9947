"""Pose by laying the canonical face over the 478 landmarks (`workers.geometry.head_pose`)."""

from workers.engines import Engine
from workers.geometry.canonical_mesh import load_canonical_mesh
from workers.geometry.head_pose import HeadPoses, head_poses
from workers.stages import Found, PoseEstimator, PoseMethod


def _build(_load: Engine) -> PoseEstimator:
    mesh = load_canonical_mesh()

    def estimate(found: Found) -> HeadPoses:
        return head_poses(found.landmarks.points_xyz, mesh)

    return estimate


POSE = PoseMethod(name="procrustes", landmarks=("mediapipe478",), networks=(), build=_build)
