"""`facepose evaluate detection` on sets that label faces: WIDER FACE's protocol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.bins import HEIGHTS
from workers.evaluation.bootstrap import Bootstrap, Estimate
from workers.evaluation.chain import FindBoxes
from workers.evaluation.labels import BoxLabels, DataSet
from workers.evaluation.metrics_detection import (
    PictureMatch,
    average_precision,
    match_picture,
    score_range,
    threshold_counts,
)
from workers.evaluation.outcome import Outcome
from workers.evaluation.stream import PictureStream

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]
Measures = Mapping[str, Estimate]

_AT = ("recall", "precision", "false boxes a picture")


@dataclass(slots=True)
class _Matches:
    """Of one selection of faces: one match a picture that has any place in it."""

    matches: list[PictureMatch] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)


def run_detection(
    data: DataSet[BoxLabels],
    find: FindBoxes,
    stream: PictureStream,
    bootstrap: Bootstrap,
    *,
    min_confidence: float,
    min_iou: float,
) -> Outcome:
    """Find the faces of all pictures and compare.

    Args:
        data: the labelled pictures.
        find: boxes down to a very low confidence, for the whole curve.
        stream: reads the pictures.
        bootstrap: for the intervals.
        min_confidence: from here on a box counts for recall and precision at one threshold.
        min_iou: from here on a box is on a face.
    """
    selections: dict[str, _Matches] = {}
    faces = found_boxes = 0
    for picture, image in stream.read(data.pictures):
        boxes, confidence = find(image)
        faces += int((~picture.label.ignored).sum())
        found_boxes += int((confidence >= min_confidence).sum())
        for name, counted in _selections(picture.label).items():
            selection = selections.setdefault(name, _Matches())
            selection.matches.append(
                match_picture(boxes, confidence, picture.label.boxes_xyxy, counted, min_iou)
            )
            selection.groups.append(picture.group)
    groups = {
        name: _figures(name, selection, bootstrap, min_confidence)
        for name, selection in selections.items()
        if any(match.n_faces for match in selection.matches)
    }
    counts = {
        "faces": faces,
        f"boxes from confidence {min_confidence:g} on": found_boxes,
    }
    missed = _missed(selections.get("all"), min_confidence)
    if missed is not None:
        counts["faces not found"] = missed
    return Outcome(counts, groups, _notes(min_confidence, min_iou))


def _selections(label: BoxLabels) -> dict[str, Flags]:
    """Return which faces count, by the name of the selection."""
    heights = label.boxes_xyxy[:, 3] - label.boxes_xyxy[:, 1]
    whole = {**label.settings} if label.settings else {}
    whole["all"] = ~label.ignored
    return whole | {b.name: ~label.ignored & b.holds(heights) for b in HEIGHTS}


def _figures(
    name: str, selection: _Matches, bootstrap: Bootstrap, min_confidence: float
) -> Measures:
    """Return average precision and the figures at the threshold; of sizes only the recall.

    A false box has no labelled size, so precision by size would blame every size for all of them.
    """
    n_faces = np.array([match.n_faces for match in selection.matches], np.float64)
    at = np.array([match.at_confidence(min_confidence) for match in selection.matches], np.float64)
    if name.startswith("height"):
        return _recall_only(at, n_faces, selection.groups, bootstrap)
    curve = _Curve(selection.matches)

    def statistic(weights: Doubles) -> Doubles:
        proposed, recalled = at.T @ weights
        total, pictures = float(n_faces @ weights), weights.sum()
        return np.array(
            [
                curve.average_precision(weights, total),
                recalled / total if total else np.nan,
                recalled / proposed if proposed else np.nan,
                (proposed - recalled) / pictures if pictures else np.nan,
            ]
        )

    estimates = bootstrap.estimate(statistic, selection.groups)
    faces, pictures = int(n_faces.sum()), len(selection.matches)
    behind = (faces, faces, int(at[:, 0].sum()), pictures)
    return {
        name: replace(estimate, n=n)
        for name, estimate, n in zip(("AP", *_AT), estimates, behind, strict=True)
    }


def _recall_only(
    at: Doubles, n_faces: Doubles, groups: Sequence[str], bootstrap: Bootstrap
) -> Measures:
    def statistic(weights: Doubles) -> Doubles:
        total = n_faces @ weights
        return np.array([(at[:, 1] @ weights) / total if total else np.nan])

    (recall,) = bootstrap.estimate(statistic, groups)
    return {"recall": replace(recall, n=int(n_faces.sum()))}


class _Curve:
    """Boxes proposed and faces found of each picture at each threshold, (P, 1000)."""

    def __init__(self, matches: list[PictureMatch]) -> None:
        low, high = score_range(matches)
        rows = [threshold_counts(match, low, high) for match in matches]
        # float32 multiplies fast and is exact for whole numbers below 16 million.
        self._proposed = np.array([proposed for proposed, _ in rows], np.float32)
        self._recalled = np.array([recalled for _, recalled in rows], np.float32)

    def average_precision(self, weights: Doubles, n_faces: float) -> float:
        few = weights.astype(np.float32)
        proposed, recalled = few @ self._proposed, few @ self._recalled
        return average_precision(proposed.astype(float), recalled.astype(float), n_faces)


def _missed(selection: _Matches | None, min_confidence: float) -> int | None:
    if selection is None:
        return None
    return sum(m.n_faces - m.at_confidence(min_confidence)[1] for m in selection.matches)


def _notes(min_confidence: float, min_iou: float) -> tuple[str, ...]:
    return (
        f"AP: WIDER's protocol, boxes of all confidences, overlap from {min_iou:g} on",
        f"recall, precision, false boxes: at confidence {min_confidence:g}; a second box on a face "
        f"is a false one",
        "a box goes to the labelled face that it overlaps most; on an ignored face it counts "
        "neither way",
    )
