"""Pose from the picture itself, by 6DRepNet360, for every face.

About 8 GFLOP a face; `workers.poses.blend` asks it for the turned faces only.
"""

from workers.engines import Engine
from workers.geometry.head_pose import HeadPoses, angles_from_rotations
from workers.models.sixdrepnet360 import SPEC, head_crops, head_rotations
from workers.stages import Found, PoseEstimator, PoseMethod


def _build(load: Engine) -> PoseEstimator:
    network = load(SPEC)

    def estimate(found: Found) -> HeadPoses:
        crops = head_crops(found.boxes_xyxy, found.points_xy, found.image_index)
        return angles_from_rotations(head_rotations(network, found.images, crops))

    return estimate


POSE = PoseMethod(
    name="sixdrepnet360",
    landmarks=("mediapipe478", "pfld98"),
    networks=(SPEC,),
    build=_build,
)
