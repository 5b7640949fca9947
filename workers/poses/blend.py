"""Pose from the mesh, and from 6DRepNet360 as far as a face is turned away and large enough.

The two are 1.3 degrees of yaw apart up to 30 degrees and 9 beyond 60, where the mesh stops short.
The network costs as much as some twenty runs of the landmark network, so it sees only the faces in
which it has a share; and it loses its way on small faces, where the mesh holds.
Measured in docs/studies/head-pose.md.
"""

from dataclasses import dataclass

import numpy as np

from workers.engines import Engine
from workers.geometry.canonical_mesh import load_canonical_mesh
from workers.geometry.head_pose import (
    Doubles,
    HeadPoses,
    angles_from_rotations,
    blend_rotations,
    rotations_from_poses,
)
from workers.models.sixdrepnet360 import SPEC, head_crops, head_rotations
from workers.poses.mesh_corrected import corrected
from workers.poses.procrustes import mesh_poses
from workers.stages import Floats, Found, PoseEstimator, PoseMethod


@dataclass(frozen=True, slots=True)
class BlendRule:
    """From where to where the network's share grows from none to all, in even steps.

    Attributes:
        yaw_deg: |yaw| of the corrected mesh.
        presence: of the landmark network, falling.
        height_px: of the face's box in the picture; caps the other two.
    """

    yaw_deg: tuple[float, float] = (25.0, 45.0)
    presence: tuple[float, float] = (0.9, 0.5)
    height_px: tuple[float, float] = (32.0, 48.0)

    def share(self, yaw_deg: Doubles, presence: Floats | None, height_px: Floats) -> Doubles:
        """Return the network's share (N,) in 0..1.

        Where the mesh fits nothing (NaN) it is all or, for faces too small for the network, none:
        nobody knows their pose.
        """
        wanted = _grown(np.abs(yaw_deg), *self.yaw_deg)
        if presence is not None:
            wanted = np.maximum(wanted, _grown(presence.astype(np.float64), *self.presence))
        able = _grown(height_px.astype(np.float64), *self.height_px)
        share: Doubles = np.where(np.isfinite(yaw_deg), wanted * able, able > 0)
        return share


RULE = BlendRule()


def _build(load: Engine) -> PoseEstimator:
    mesh, network = load_canonical_mesh(), load(SPEC)

    def estimate(found: Found) -> HeadPoses:
        poses = corrected(mesh_poses(found, mesh))
        heights = found.boxes_xyxy[:, 3] - found.boxes_xyxy[:, 1]
        share = RULE.share(poses.yaw_deg, found.landmarks.presence, heights)
        rotations = rotations_from_poses(poses)
        asked = np.flatnonzero(share)
        crops = head_crops(
            found.boxes_xyxy[asked], found.points_xy[asked], found.image_index[asked]
        )
        second = head_rotations(network, found.images, crops)
        first = np.where(np.isfinite(rotations[asked]), rotations[asked], second)
        rotations[asked] = blend_rotations(first, second, share[asked])
        return angles_from_rotations(rotations)

    return estimate


def _grown(values: Doubles, start: float, end: float) -> Doubles:
    """Return how far each value (N,) has come from `start` to `end`, 0..1."""
    grown: Doubles = np.clip((values - start) / (end - start), 0.0, 1.0)
    return grown


POSE = PoseMethod(name="blend", landmarks=("mediapipe478",), networks=(SPEC,), build=_build)
"""Frames alike but for a degree differ by little: the shares have no steps."""
