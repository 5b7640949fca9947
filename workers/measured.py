"""All faces of several pictures, measured, as arrays; and the same as single faces."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.face import Face
from workers.geometry.head_pose import HeadPoses
from workers.stages import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """N faces. A value that is not known is NaN.

    Attributes:
        image_index: (N,) which picture, growing; within a picture the best face first.
        boxes_xyxy: (N, 4) [px of the picture].
        confidence: (N,) the detector's.
        landmarks_xy: (N, L, 2) [px].
        presence: (N,) the landmark network's opinion.
        poses: [deg].
        eye_openness: (N, 2) image-left, image-right.
        expression_probs: (N, 7).
        quality: (N,) 0..1, see `workers.quality`.
        static: (N,) bool, see `workers.static_faces`.
    """

    image_index: NDArray[np.intp]
    boxes_xyxy: Floats
    confidence: Floats
    landmarks_xy: Floats
    presence: Floats
    poses: HeadPoses
    eye_openness: Floats
    expression_probs: Floats
    quality: Floats
    static: NDArray[np.bool_]

    def faces(self, n_images: int) -> list[list[Face]]:
        """Return the faces of each picture."""
        faces: list[list[Face]] = [[] for _ in range(n_images)]
        for n, image in enumerate(self.image_index.tolist()):
            faces[image].append(self._face(n))
        return faces

    def _face(self, n: int) -> Face:
        angles = (self.poses.yaw_deg[n], self.poses.pitch_deg[n], self.poses.roll_deg[n])
        yaw, pitch, roll = (float(a) for a in angles) if np.isfinite(angles).all() else (None,) * 3
        eyes, probs = self.eye_openness[n].tolist(), self.expression_probs[n].tolist()
        return Face(
            box_xyxy=tuple(self.boxes_xyxy[n].tolist()),
            confidence=float(self.confidence[n]),
            landmarks_xy=self.landmarks_xy[n].copy(),
            yaw_deg=yaw,
            pitch_deg=pitch,
            roll_deg=roll,
            eye_openness=(eyes[0], eyes[1]) if np.isfinite(eyes).all() else None,
            presence=float(self.presence[n]) if np.isfinite(self.presence[n]) else None,
            expression_probs=tuple(probs) if np.isfinite(probs).all() else None,
            quality=float(self.quality[n]),
            static=bool(self.static[n]),
        )
