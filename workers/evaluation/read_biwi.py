"""BIWI Kinect Head Pose: `NN/frame_MMMMM_rgb.png` with `NN/frame_MMMMM_pose.txt`.

Source: G. Fanelli et al., "Random Forests for Real Time 3D
Face Analysis", 2013. The text holds the head's rotation, 3 rows of 3, and its place. Axes there: x
to the image's right, y down, z away from the camera; here y is up and z towards the camera, so the
rotation is turned over on both sides. Papers take its angles in the order pitch, yaw, roll (Ruiz et
al. 2018), and so does this reader. The rotation is that of the depth camera, which stands a few
centimetres beside the colour one: left as it is, as in those papers.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.errors import LabelError
from workers.evaluation.files import first_matching, matching, need, picture_beside, read_text
from workers.evaluation.labels import DataSet, LabelledPicture, PoseLabel
from workers.evaluation.metrics_pose import angles_in_order

MAX_ANGLE_DEG = 99.0
_POSE = "_pose.txt"
_TURN_OVER = np.diag([1.0, -1.0, -1.0])


def is_biwi(data: Path) -> bool:
    """Whether there are pose files of frames."""
    return first_matching(data, f"frame_*{_POSE}") is not None


def read_biwi(data: Path) -> DataSet[PoseLabel]:
    """Return the frames; the 24 sequences (20 people) are resampled as a whole.

    Raises:
        DataFormatError, LabelError: see `workers.evaluation.errors`.
    """
    paths = need(list(matching(data, f"frame_*{_POSE}")), data, f"NN/frame_MMMMM{_POSE}")
    pictures = []
    left_out = 0
    for path in paths:
        label = _label(path)
        if max(abs(a) for a in (label.yaw_deg, label.pitch_deg, label.roll_deg)) > MAX_ANGLE_DEG:
            left_out += 1
            continue
        stem = path.name.removesuffix(_POSE) + "_rgb"
        picture = picture_beside(path, stem) or path.with_name(f"{stem}.png")
        pictures.append(
            LabelledPicture(picture, label, group=path.parent.name, part=path.parent.name)
        )
    notes = (
        f"{left_out} frames beyond ±{MAX_ANGLE_DEG:.0f}° left out",
        "no boxes in this set: the largest face found is taken; a person is a sequence, of which "
        "four people have two",
    )
    return DataSet("BIWI", tuple(pictures), grouped_by="person", notes=notes)


def _label(path: Path) -> PoseLabel:
    rotation = _TURN_OVER @ _rotation(path) @ _TURN_OVER
    yaw, pitch, roll = angles_in_order(rotation, "xyz").tolist()
    return PoseLabel(yaw, pitch, roll, order="xyz")


def _rotation(path: Path) -> NDArray[np.float64]:
    try:
        numbers = [float(word) for word in read_text(path).split()[:9]]
        rotation = np.array(numbers).reshape(3, 3)
    except ValueError as exc:
        raise LabelError(f"{path}: expected a rotation, 3 rows of 3 numbers") from exc
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-2):
        raise LabelError(f"{path}: its 3 by 3 numbers are no rotation")
    return rotation
