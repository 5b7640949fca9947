"""AFLW2000-3D: `imageNNNNN.jpg` with `imageNNNNN.mat` beside it.

Source: X. Zhu, Z. Lei, X. Liu, H. Shi, S. Z. Li, "Face Alignment Across Large Poses: A 3D
Solution", 2016. `Pose_Para` begins with pitch, yaw and roll in radians, turned in that order; its
yaw is positive to the image's left, so the project's is the negative; pitch (up) and roll
(clockwise) agree. `pt3d_68` (3, 68) are the points of the fitted model in pixels.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy.io
from numpy.typing import NDArray

from workers.evaluation.errors import LabelError
from workers.evaluation.files import first_matching, matching, need, picture_beside
from workers.evaluation.labels import DataSet, LabelledPicture, PointsLabel, PoseLabel

MAX_ANGLE_DEG = 99.0
"""Faces beyond it are left out, as papers do since Ruiz et al. 2018 (31 of the 2,000)."""


def is_aflw2000(data: Path) -> bool:
    """Whether there are MAT files with a pose."""
    path = first_matching(data, "image*.mat")
    if path is None:
        return False
    try:
        return "Pose_Para" in {name for name, _, _ in scipy.io.whosmat(path)}
    except (ValueError, NotImplementedError, OSError):
        return False


def read_aflw2000_pose(data: Path) -> DataSet[PoseLabel]:
    """Return the faces within ±99° on every axis.

    Raises:
        DataFormatError, LabelError: see `workers.evaluation.errors`.
    """
    pictures = []
    left_out = 0
    for path, pose, points in _files(data):
        label = _pose_label(pose, points)
        if max(abs(a) for a in (label.yaw_deg, label.pitch_deg, label.roll_deg)) > MAX_ANGLE_DEG:
            left_out += 1
        else:
            pictures.append(LabelledPicture(path, label, group=path.stem))
    notes = (f"{left_out} faces beyond ±{MAX_ANGLE_DEG:.0f}° left out, as is usual",)
    return DataSet("AFLW2000-3D", tuple(pictures), notes=notes)


def read_aflw2000_points(data: Path) -> DataSet[tuple[PointsLabel, ...]]:
    """Return all faces with their 68 points and their yaw.

    Raises:
        DataFormatError, LabelError: see `workers.evaluation.errors`.
    """
    pictures = []
    for path, pose, points in _files(data):
        if points is None:
            raise LabelError(f"{path}: its MAT file has no pt3d_68 of (3, 68)")
        yaw = -math.degrees(pose[1])
        label = (PointsLabel(points, yaw),)
        pictures.append(LabelledPicture(path, label, group=path.stem))
    return DataSet("AFLW2000-3D", tuple(pictures))


def _files(
    data: Path,
) -> Iterator[tuple[Path, NDArray[np.float64], NDArray[np.float64] | None]]:
    """Yield picture, pose (≥ 3,) in radians and points (68, 2) or None."""
    for path in need(
        list(matching(data, "image*.mat")), data, "imageNNNNN.mat beside imageNNNNN.jpg"
    ):
        try:
            mat = scipy.io.loadmat(path, variable_names=["Pose_Para", "pt3d_68"])
            pose = np.asarray(mat["Pose_Para"], np.float64).ravel()
        except (KeyError, ValueError, NotImplementedError, OSError) as exc:
            raise LabelError(f"{path}: not a MAT file with Pose_Para ({exc})") from exc
        if len(pose) < 3:
            raise LabelError(f"{path}: Pose_Para of {len(pose)} numbers, expected at least 3")
        points = np.asarray(mat.get("pt3d_68", ()), np.float64)
        known = points.shape == (3, 68)
        picture = picture_beside(path) or path.with_suffix(".jpg")
        yield picture, pose, points[:2].T if known else None


def _pose_label(pose: NDArray[np.float64], points: NDArray[np.float64] | None) -> PoseLabel:
    pitch, yaw, roll = (math.degrees(angle) for angle in pose[:3])
    box = None if points is None else PointsLabel(points).box_xyxy
    return PoseLabel(-yaw, pitch, roll, order="xyz", box_xyxy=box)
