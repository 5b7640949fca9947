"""`facepose evaluate pose`: found against told angles."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.bootstrap import Bootstrap, Estimate
from workers.evaluation.chain import FindFaces
from workers.evaluation.examples import Examples, Place
from workers.evaluation.labels import DataSet, PoseLabel
from workers.evaluation.matching import NONE, largest, match_faces
from workers.evaluation.metrics_pose import (
    MEASURES,
    angles_in_order,
    gains,
    mean_errors,
    pose_errors,
    sign_correlations,
)
from workers.evaluation.outcome import Outcome
from workers.evaluation.stream import PictureStream
from workers.face import Face
from workers.geometry.head_pose import rotation_from_angles

Doubles = NDArray[np.float64]

_UNKNOWN = (float("nan"),) * len(MEASURES)
_TURNED_ROUND = -0.3
_GAIN_WITHIN_DEG = 60.0
_LEAST_FOR_GAIN = 10
_NOTES = (
    "errors are means of absolute differences in the set's own order of turns [deg]; mean: of the "
    "axes that the set tells; geodesic: angle between the two rotations",
    "the labelled face is the found one with the best overlap, if a fifth is shared or the centre "
    "of one box lies in the other; without a labelled box, the largest face",
    "errors are of the faces found with a pose; `found` is their share of all labelled faces; "
    "heights are of the labelled boxes, where there are none of the boxes found",
    "gain: by how much the found angle grows with the told one; 1 is right",
)


def run_pose(
    data: DataSet[PoseLabel], find: FindFaces, stream: PictureStream, bootstrap: Bootstrap
) -> Outcome:
    """Analyse all pictures and compare.

    Args:
        data: the labelled pictures.
        find: the analyser.
        stream: reads the pictures.
        bootstrap: for the intervals.
    """
    examples, angles = Examples(), Examples()
    not_found = without_pose = 0
    for picture, faces in stream.analyse(data.pictures, find):
        label = picture.label
        face = _the_face(label, faces)
        found = None if face is None else _angles(face)
        not_found += face is None
        without_pose += face is not None and found is None
        height = _height(label, face)
        place = Place(picture.group, label.yaw_deg, height, pitch_deg=label.pitch_deg)
        if found is None:
            examples.add((*_UNKNOWN, 0.0), place)
            continue
        examples.add((*pose_errors(label, found).tolist(), 1.0), place)
        in_order = angles_in_order(rotation_from_angles(*found), label.order).tolist()
        angles.add((label.yaw_deg, label.pitch_deg, label.roll_deg, *in_order), place)
    groups = {
        name: examples.estimates(mask, (*MEASURES, "found"), _figures, bootstrap, _behind)
        for name, mask in examples.masks().items()
    }
    return Outcome(
        counts={
            "faces": len(examples),
            "faces not found": not_found,
            "faces found without a pose": without_pose,
        },
        groups={**groups, **_gain_group(angles, bootstrap)},
        notes=(*_NOTES, *_sign_notes(angles)),
    )


def _gain_group(angles: Examples, bootstrap: Bootstrap) -> dict[str, dict[str, Estimate]]:
    """Return the gains of the faces that are told within 60 degrees, if there are some."""
    told = np.abs(np.array([values[:2] for values in angles.values]).reshape(-1, 2))
    within = (told < _GAIN_WITHIN_DEG).all(axis=1)
    if within.sum() < _LEAST_FOR_GAIN:
        return {}
    names = ("yaw gain", "pitch gain", "roll gain")
    return {"told within 60°": angles.estimates(within, names, _gains, bootstrap)}


def _gains(values: Doubles, weights: Doubles) -> Doubles:
    return gains(values[:, :3], values[:, 3:], weights)


def _figures(values: Doubles, weights: Doubles) -> Doubles:
    total = weights.sum()
    found = (values[:, -1] @ weights) / total if total else np.nan
    return np.array([*mean_errors(values[:, :-1], weights), found])


def _behind(values: Doubles) -> list[int]:
    """Faces with a pose, axis by axis; all labelled faces for the share found."""
    return [*np.isfinite(values[:, :-1]).sum(axis=0).tolist(), len(values)]


def _the_face(label: PoseLabel, faces: Sequence[Face]) -> Face | None:
    boxes = np.array([face.box_xyxy for face in faces], np.float64).reshape(-1, 4)
    if label.box_xyxy is None:
        number = largest(boxes)
    else:
        number = int(match_faces(np.array([label.box_xyxy]), boxes)[0])
    return None if number == NONE else faces[number]


def _angles(face: Face) -> tuple[float, float, float] | None:
    if face.yaw_deg is None or face.pitch_deg is None or face.roll_deg is None:
        return None
    return face.yaw_deg, face.pitch_deg, face.roll_deg


def _height(label: PoseLabel, face: Face | None) -> float:
    if label.box_xyxy is not None:
        return label.box_xyxy[3] - label.box_xyxy[1]
    return float("nan") if face is None else face.height_px


def _sign_notes(angles: Examples) -> list[str]:
    """Warn of an axis whose found angles run against the told ones."""
    values = np.array(angles.values, np.float64).reshape(-1, 6)
    correlations = sign_correlations(values[:, :3], values[:, 3:]).tolist()
    return [
        f"WARNING: found and told {axis} run against one another (correlation {value:+.2f}): "
        f"its sign was probably read the wrong way round"
        for axis, value in zip(("yaw", "pitch", "roll"), correlations, strict=True)
        if value < _TURNED_ROUND
    ]
