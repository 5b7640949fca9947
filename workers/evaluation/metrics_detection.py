"""Average precision by WIDER FACE's own protocol.

Source: S. Yang, P. Luo, C. C. Loy, X. Tang, "WIDER FACE: A Face Detection Benchmark", 2016, and
the authors' evaluation tools: each found box goes to the labelled box that it overlaps most, from
0.5 intersection over union on; boxes are whole pixels, so a side is last - first + 1; on an ignored
face it counts neither way; a second box on a face is a false one; scores are stretched to 0..1 over
the whole set; precision and recall are read at 1,000 thresholds; the area under the envelope is
the average precision.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Counts = NDArray[np.uint16]
Flags = NDArray[np.bool_]

THRESHOLDS = 1000
MIN_IOU = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class PictureMatch:
    """What the found boxes of one picture are worth for one selection of faces.

    Attributes:
        confidence: (M,) of the found boxes, falling.
        proposed: (M,) how many boxes so far are right or wrong, ignored ones left out.
        recalled: (M,) how many counted faces are found so far.
        n_faces: counted faces.
    """

    confidence: Doubles
    proposed: NDArray[np.int64]
    recalled: NDArray[np.int64]
    n_faces: int

    def at_confidence(self, threshold: float) -> tuple[int, int]:
        """Return how many boxes are proposed, and faces found, from this confidence on."""
        n = int((self.confidence >= threshold).sum())
        return (int(self.proposed[n - 1]), int(self.recalled[n - 1])) if n else (0, 0)


def match_picture(
    found_xyxy: Doubles,
    confidence: Doubles,
    labelled_xyxy: Doubles,
    counted: Flags,
    min_iou: float = MIN_IOU,
) -> PictureMatch:
    """Go through the found boxes (M, 4), surest first, and give each to a labelled one (N, 4).

    Args:
        found_xyxy: in any order.
        confidence: (M,).
        labelled_xyxy: all faces of the picture, also the ignored ones.
        counted: (N,) False for a face that is to be ignored.
        min_iou: from here on a box is on a face.
    """
    order = np.argsort(-confidence, kind="stable")
    overlaps = iou_of_pixels(found_xyxy[order], labelled_xyxy)
    taken = np.zeros(len(labelled_xyxy), bool)
    proposal, hit = np.ones(len(order), bool), np.zeros(len(order), bool)
    for place, row in enumerate(overlaps if len(labelled_xyxy) else []):
        best = int(np.argmax(row))
        if row[best] < min_iou:
            continue
        proposal[place] = counted[best]
        hit[place] = counted[best] and not taken[best]
        taken[best] = True
    return PictureMatch(
        confidence[order], np.cumsum(proposal), np.cumsum(hit), int(np.count_nonzero(counted))
    )


def iou_of_pixels(a_xyxy: Doubles, b_xyxy: Doubles) -> Doubles:
    """Return the intersection over union (M, N) of boxes whose last pixel belongs to them."""
    low = np.maximum(a_xyxy[:, None, :2], b_xyxy[None, :, :2])
    high = np.minimum(a_xyxy[:, None, 2:], b_xyxy[None, :, 2:])
    sides = np.clip(high - low + 1.0, 0.0, None)
    shared = sides[..., 0] * sides[..., 1]
    area_a = np.prod(a_xyxy[:, 2:] - a_xyxy[:, :2] + 1.0, axis=1)
    area_b = np.prod(b_xyxy[:, 2:] - b_xyxy[:, :2] + 1.0, axis=1)
    iou: Doubles = shared / (area_a[:, None] + area_b[None] - shared)
    return iou


def score_range(matches: list[PictureMatch]) -> tuple[float, float]:
    """Return the lowest and highest confidence of the whole set."""
    known = [m.confidence for m in matches if len(m.confidence)]
    if not known:
        return 0.0, 1.0
    return float(min(c[-1] for c in known)), float(max(c[0] for c in known))


def threshold_counts(match: PictureMatch, low: float, high: float) -> tuple[Counts, Counts]:
    """Return proposals and faces found (1000,) at each of the thresholds .999, .998, … 0."""
    thresholds = 1.0 - np.arange(1, THRESHOLDS + 1) / THRESHOLDS
    scores = (match.confidence - low) / ((high - low) or 1.0)
    # How many scores reach the threshold: they fall, so count from the other end.
    n = len(scores) - np.searchsorted(scores[::-1], thresholds, side="left")
    proposed, recalled = np.append(0, match.proposed), np.append(0, match.recalled)
    return proposed[n].astype(np.uint16), recalled[n].astype(np.uint16)


def average_precision(proposed: Doubles, recalled: Doubles, n_faces: float) -> float:
    """Return the area under the envelope of precision over recall, 0..1; NaN without faces.

    Args:
        proposed: (T,) boxes at falling thresholds.
        recalled: (T,) faces found at them.
        n_faces: all faces that count.
    """
    if n_faces <= 0:
        return float("nan")
    precision = np.divide(recalled, proposed, out=np.zeros(len(recalled)), where=proposed > 0)
    recall = np.concatenate(([0.0], recalled / n_faces, [1.0]))
    envelope = np.maximum.accumulate(np.concatenate(([0.0], precision, [0.0]))[::-1])[::-1]
    return float(np.sum(np.diff(recall) * envelope[1:]))
