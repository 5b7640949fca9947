"""`facepose evaluate detection` on sets that label heads, seen from all sides."""

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.bootstrap import Bootstrap, Estimate
from workers.evaluation.chain import FindBoxes
from workers.evaluation.examples import Examples, Place
from workers.evaluation.labels import BoxLabels, DataSet
from workers.evaluation.metrics_heads import MIN_INSIDE, faces_on_heads
from workers.evaluation.outcome import Outcome
from workers.evaluation.stream import PictureStream

Doubles = NDArray[np.float64]

_NOTES = (
    f"a box is on a head when at least {MIN_INSIDE:.0%} of its own area lies in the head's box; "
    f"each box gives a face to one head at most",
    "heads are labelled from all sides: those seen from behind have no face to be found, so no "
    "detector of faces reaches 1",
)


def has_heads(data: DataSet[BoxLabels]) -> bool:
    """Whether the boxes are of heads."""
    return any(picture.label.kind == "heads" for picture in data.pictures)


def run_heads(
    data: DataSet[BoxLabels],
    find: FindBoxes,
    stream: PictureStream,
    bootstrap: Bootstrap,
    *,
    min_confidence: float,
) -> Outcome:
    """Find the faces of all pictures and see which heads they are on.

    Args:
        data: the labelled pictures.
        find: boxes with their confidence.
        stream: reads the pictures.
        bootstrap: for the intervals.
        min_confidence: from here on a box counts.
    """
    heads, found = Examples(), Examples()
    for picture, image in stream.read(data.pictures):
        boxes, confidence = find(image)
        boxes, label = boxes[confidence >= min_confidence], picture.label
        # An ignored head still excuses a box that is on it.
        with_face, off = faces_on_heads(boxes, label.boxes_xyxy)
        for box, hit in zip(
            label.boxes_xyxy[~label.ignored], with_face[~label.ignored], strict=True
        ):
            _add(heads, float(hit), box, picture.group)
        for box, lonely in zip(boxes, off, strict=True):
            _add(found, float(lonely), box, picture.group)
    return Outcome(
        counts={
            "heads": len(heads),
            "heads with a face": _count(heads),
            f"boxes from confidence {min_confidence:g} on": len(found),
            "boxes off any head": _count(found),
        },
        groups={
            name: {
                **heads.estimates(mask, ("heads with a face",), _share, bootstrap),
                **(_off_any_head(found, bootstrap) if name == "all" else {}),
            }
            for name, mask in heads.masks().items()
        },
        notes=(*_NOTES, f"at confidence {min_confidence:g}"),
    )


def _add(examples: Examples, value: float, box: Doubles, group: str) -> None:
    examples.add((value,), Place(group, float("nan"), float(box[3] - box[1])))


def _count(examples: Examples) -> int:
    return int(sum(value[0] for value in examples.values))


def _off_any_head(found: Examples, bootstrap: Bootstrap) -> dict[str, Estimate]:
    whole = np.ones(len(found), bool)
    return found.estimates(whole, ("boxes off any head",), _share, bootstrap)


def _share(values: Doubles, weights: Doubles) -> Doubles:
    total = weights.sum()
    return np.array([(values[:, 0] @ weights) / total if total else np.nan])
