"""`facepose evaluate expression`: the likeliest of seven against the label."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from schemas.messages import EXPRESSIONS
from workers.evaluation.bootstrap import Bootstrap, Estimate
from workers.evaluation.chain import FindFaces, ReadCrop
from workers.evaluation.examples import Examples, Place
from workers.evaluation.labels import DataSet, LabelledPicture
from workers.evaluation.matching import NONE, largest
from workers.evaluation.metrics_expression import (
    NO_ANSWER,
    OVERALL,
    confusion_counts,
    overall,
    recalls,
)
from workers.evaluation.outcome import Outcome
from workers.evaluation.report import Confusion
from workers.evaluation.stream import PictureStream
from workers.face import Face

Doubles = NDArray[np.float64]
Answer = tuple[LabelledPicture[int], Face | None, int]
"""A picture, its face where the analyser was asked, and the class answered (7: none)."""

_NOTES = (
    "accuracy and recalls are of the pictures with an answer; none is given where no face is found "
    "or where it is lower than 32 px",
    "mean recall: of the classes, each as much as the others",
    "the largest face found is the picture's",
    "heights and yaw are of the faces found; pictures without one are in no such group",
)
_CROP_NOTE = (
    "--crops: the whole picture is the face, no detector is asked; heights are the pictures'"
)


def run_expression(
    data: DataSet[int], find: FindFaces, stream: PictureStream, bootstrap: Bootstrap
) -> Outcome:
    """Analyse all pictures and compare the likeliest expression of the largest face."""

    def answers() -> Iterator[Answer]:
        for picture, faces in stream.analyse(data.pictures, find):
            boxes = np.array([face.box_xyxy for face in faces], np.float64).reshape(-1, 4)
            number = largest(boxes)
            face = None if number == NONE else faces[number]
            yield picture, face, _class_of(face)

    return _outcome(answers(), bootstrap, _NOTES)


def run_expression_on_crops(
    data: DataSet[int],
    read_crop: ReadCrop,
    stream: PictureStream,
    bootstrap: Bootstrap,
    margin: float,
) -> Outcome:
    """Ask the expression networks alone: every picture is a face already, enlarged by `margin`."""

    def answers() -> Iterator[Answer]:
        for picture, image in stream.read(data.pictures):
            yield picture, None, int(np.argmax(read_crop(image, margin)))

    return _outcome(answers(), bootstrap, (*_NOTES[:2], f"{_CROP_NOTE}; margin {margin:g}"))


def _outcome(answers: Iterator[Answer], bootstrap: Bootstrap, notes: tuple[str, ...]) -> Outcome:
    examples = Examples()
    no_face = 0
    for picture, face, answered in answers:
        no_face += face is None and answered == NO_ANSWER
        yaw = float("nan") if face is None or face.yaw_deg is None else face.yaw_deg
        height = float("nan") if face is None else face.height_px
        values = (float(picture.label), float(answered))
        examples.add(values, Place(picture.group, yaw, height))
    groups = {
        name: examples.estimates(mask, OVERALL, _overall, bootstrap, _behind)
        for name, mask in examples.masks().items()
    }
    whole = np.ones(len(examples), bool)
    by_class = examples.estimates(whole, EXPRESSIONS, _recalls, bootstrap)
    answered_by_label = np.array(examples.values, np.float64).reshape(-1, 2)
    confusion = _counts(answered_by_label, whole.astype(np.float64))
    return Outcome(
        counts={
            "faces": len(examples),
            "faces not found": no_face,
            "faces found without an answer": int(confusion[:, NO_ANSWER].sum()) - no_face,
        },
        groups={**groups, **_class_groups(by_class, confusion)},
        notes=notes,
        confusion=_confusion(confusion),
    )


def _class_of(face: Face | None) -> int:
    if face is None or face.expression_probs is None:
        return NO_ANSWER
    return int(np.argmax(face.expression_probs))


def _counts(values: Doubles, weights: Doubles) -> Doubles:
    labelled, answered = values.astype(np.intp).T
    return confusion_counts(labelled, answered, weights)


def _overall(values: Doubles, weights: Doubles) -> Doubles:
    return overall(_counts(values, weights))


def _recalls(values: Doubles, weights: Doubles) -> Doubles:
    return recalls(_counts(values, weights))


def _behind(values: Doubles) -> list[int]:
    """Pictures with an answer; all for the accuracy that counts the others as wrong."""
    answered = int((values[:, 1] != NO_ANSWER).sum())
    return [answered, answered, len(values)]


def _class_groups(
    by_class: dict[str, Estimate], confusion: Doubles
) -> dict[str, dict[str, Estimate]]:
    """Return a group for each labelled class, with the pictures of that class as its n."""
    groups = {}
    for (name, estimate), row in zip(by_class.items(), confusion, strict=True):
        if row.sum():
            own = Estimate(estimate.value, estimate.low, estimate.high, int(row.sum()))
            groups[f"labelled {name}"] = {"recall": own}
    return groups


def _confusion(counts: Doubles) -> Confusion:
    rows = tuple(tuple(int(n) for n in row) for row in counts.tolist())
    return Confusion(EXPRESSIONS, (*EXPRESSIONS, "none"), rows)
