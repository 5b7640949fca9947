"""`facepose evaluate landmarks`: the 68 points."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.bootstrap import Bootstrap
from workers.evaluation.chain import FindFaces
from workers.evaluation.examples import Examples, Place, WeightedFigures
from workers.evaluation.labels import DataSet, PointsLabel
from workers.evaluation.matching import NONE, match_faces
from workers.evaluation.metrics_landmarks import (
    MEASURES,
    Normaliser,
    landmark_figures,
    normalised_errors,
)
from workers.evaluation.outcome import Outcome
from workers.evaluation.points68 import to_68
from workers.evaluation.stream import PictureStream
from workers.face import Face

Doubles = NDArray[np.float64]

_NOT_FOUND = (float("inf"), float("inf"))
_POINT_SETS = ("68 points", "51 inner")


def run_landmarks(
    data: DataSet[tuple[PointsLabel, ...]],
    find: FindFaces,
    stream: PictureStream,
    bootstrap: Bootstrap,
    normaliser: Normaliser,
) -> Outcome:
    """Analyse all pictures and compare.

    Args:
        data: the labelled pictures, of one or several faces each.
        find: the analyser.
        stream: reads the pictures.
        bootstrap: for the intervals.
        normaliser: what distances are divided by.
    """
    examples = Examples()
    not_found = 0
    for picture, faces in stream.analyse(data.pictures, find):
        for label, face in _pairs(picture.label, faces):
            errors = _NOT_FOUND
            if face is not None:
                found = to_68(face.landmarks_xy)
                errors = normalised_errors(found, label.points_xy, normaliser)
            not_found += face is None
            height = label.box_xyxy[3] - label.box_xyxy[1]
            place = Place(picture.group, _yaw(label, face), height, part=picture.part)
            examples.add(errors, place)
    groups = {
        f"{name}: {points}": examples.estimates(
            mask, MEASURES, _figures(column), bootstrap, _behind
        )
        for name, mask in examples.masks().items()
        for column, points in enumerate(_POINT_SETS)
    }
    counts = {"faces": len(examples), "faces not found": not_found}
    return Outcome(counts, groups, _notes(normaliser))


def _figures(column: int) -> WeightedFigures:
    return lambda values, weights: landmark_figures(values[:, column], weights)


def _behind(values: Doubles) -> list[int]:
    """Faces found for the mean error; all labelled ones for the other figures."""
    return [int(np.isfinite(values[:, 0]).sum()), *[len(values)] * (len(MEASURES) - 1)]


def _pairs(
    labels: Sequence[PointsLabel], faces: Sequence[Face]
) -> list[tuple[PointsLabel, Face | None]]:
    boxes = np.array([face.box_xyxy for face in faces], np.float64).reshape(-1, 4)
    matched = match_faces(np.array([label.box_xyxy for label in labels]), boxes)
    return [
        (label, None if number == NONE else faces[number])
        for label, number in zip(labels, matched.tolist(), strict=True)
    ]


def _yaw(label: PointsLabel, face: Face | None) -> float:
    if label.yaw_deg is not None:
        return label.yaw_deg
    return float("nan") if face is None or face.yaw_deg is None else face.yaw_deg


def _notes(normaliser: Normaliser) -> tuple[str, ...]:
    return (
        f"NME: mean distance over all points, divided by {normaliser}, of the faces found",
        "failures and AUC count a face that was not found as a failure; a failure has a larger "
        "error than the number; AUC: area under the curve of errors up to .08, 0 to 1",
        "the 68 are chosen from the network's own points by a table of this project; definitions "
        "differ, most of all along the jaw, so the 51 inner points are told apart",
        "the labelled face is the found one with the best overlap with the box of its 68 points, "
        "if a fifth is shared or the centre of one box lies in the other",
        "yaw is the label's where the set tells it, else as found (and unknown where not found)",
    )
