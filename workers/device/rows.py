"""The rows that came back from the device, as `Measured`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from workers.device.measure import N_LANDMARKS, ROW
from workers.geometry.head_pose import HeadPoses
from workers.measured import Measured
from workers.pipeline import MIN_EXPRESSION_HEIGHT_PX
from workers.quality import face_quality
from workers.stages import POSE_MIN_PRESENCE, Floats, View
from workers.static_faces import THUMBNAIL_PX, StaticFaces


@dataclass(frozen=True, slots=True)
class Reading:
    """How rows are read.

    Attributes:
        min_presence: the landmark network's threshold for faces of which ...
        sure_confidence: ... the detector is not this sure.
        correct: the mesh's poses, and the rows, to the poses that are told.
    """

    min_presence: float
    sure_confidence: float
    correct: Callable[[HeadPoses, Floats], HeadPoses]

    def read(
        self, parts: Sequence[tuple[NDArray[np.intp], Floats]]
    ) -> tuple[Measured, Floats] | None:
        """Return all believed faces in the order of their pictures, and their thumbnails.

        Args:
            parts: picture numbers (N,) and rows (N, 1231) of each batch, see `measure.ROW`.

        Returns:
            The faces, none of them static, and (N, 16, 16); None when there is no face.
        """
        if not parts:
            return None
        index = np.concatenate([image_index for image_index, _ in parts])
        rows = np.concatenate([values for _, values in parts])
        # A batch holds pictures of one size: only now they are in the caller's order again.
        order = np.argsort(index, kind="stable")
        order = order[self._believed(rows[order])]
        if not len(order):
            return None
        thumbnails = rows[order][:, ROW["thumbnail"]].reshape(-1, THUMBNAIL_PX, THUMBNAIL_PX)
        return self._measured(index[order], rows[order]), thumbnails

    def _believed(self, rows: Floats) -> NDArray[np.bool_]:
        """Leave out what only the detector, not surely, takes for a face; and what is no number."""
        known = np.isfinite(rows[:, ROW["landmarks"]]).all(axis=1)
        known &= np.isfinite(rows[:, ROW["box"]]).all(axis=1)
        presence, confidence = rows[:, ROW["presence"]][:, 0], rows[:, ROW["confidence"]][:, 0]
        seen = (presence >= self.min_presence) | (confidence >= self.sure_confidence)
        believed: NDArray[np.bool_] = known & seen
        return believed

    def _measured(self, index: NDArray[np.intp], rows: Floats) -> Measured:
        column = {name: rows[:, place] for name, place in ROW.items()}
        boxes, probs = column["box"], column["expression"].copy()
        presence, confidence = column["presence"][:, 0], column["confidence"][:, 0]
        heights = boxes[:, 3] - boxes[:, 1]
        probs[heights < MIN_EXPRESSION_HEIGHT_PX] = np.nan
        poses = _whole(self.correct(mesh_poses(rows), rows))
        sharpness = column["sharpness"][:, 0]
        return Measured(
            image_index=index,
            boxes_xyxy=boxes,
            confidence=confidence,
            landmarks_xy=column["landmarks"].reshape(-1, N_LANDMARKS, 2),
            presence=presence,
            poses=poses,
            eye_openness=column["eyes"],
            expression_probs=probs,
            quality=face_quality(heights, sharpness, presence, poses.yaw_deg, confidence),
            static=np.zeros(len(rows), bool),
        )


def find_static(
    memory: StaticFaces, measured: Measured, thumbnails: Floats, views: Sequence[View]
) -> Measured:
    """Return the faces with those marked that have not moved for minutes, as the host marks them.

    Args:
        memory: of all sources.
        measured: the faces.
        thumbnails: (N, 16, 16) of them.
        views: of the pictures; a picture by itself has no past.
    """
    static = np.zeros(len(measured.confidence), bool)
    poses = measured.poses
    angles = np.stack((poses.yaw_deg, poses.pitch_deg, poses.roll_deg), axis=1)
    for picture, view in enumerate(views):
        own = np.flatnonzero(measured.image_index == picture)
        if view.source and len(own):
            static[own] = memory.update(
                view.source,
                view.at_s,
                measured.boxes_xyxy[own],
                thumbnails[own],
                angles[own],
                measured.eye_openness[own].mean(axis=1),
            )
    return replace(measured, static=static)


def mesh_poses(rows: Floats) -> HeadPoses:
    """Return the mesh's poses in rows (N, …); NaN where the landmark network sees no face at all.

    Args:
        rows: the first columns suffice, see `measure.ROW`.
    """
    angles = rows[:, ROW["angles"]].astype(np.float64)
    angles[~(rows[:, ROW["presence"]][:, 0] >= POSE_MIN_PRESENCE)] = np.nan
    return HeadPoses(*angles.T)


def _whole(poses: HeadPoses) -> HeadPoses:
    """Withhold poses of which an angle is missing."""
    angles = np.stack((poses.yaw_deg, poses.pitch_deg, poses.roll_deg))
    angles[:, ~np.isfinite(angles).all(axis=0)] = np.nan
    return HeadPoses(*angles)
