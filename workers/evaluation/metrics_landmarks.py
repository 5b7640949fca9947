"""Errors of 68 landmarks: normalised mean error, failure rate, area under the error curve.

Sources: C. Sagonas et al., "300 Faces In-The-Wild Challenge: database and results", 2016 (error
over the distance of the outer eye corners, curve of its distribution); X. Zhu et al., "Face
Alignment Across Large Poses", 2016 (over the square root of the labelled box's area); J. Yang, Q.
Liu, K. Zhang, "Stacked Hourglass Network for Robust Facial Landmark Localisation", 2017 (area under
the curve up to a threshold, failure rate).
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

Normaliser = Literal["inter-ocular", "inter-pupil", "box"]
NORMALISERS: tuple[str, ...] = get_args(Normaliser)

JAW = 17
"""Points 0 to 16 are the jaw; the other 51 are the inner points."""
FAILURE_THRESHOLDS = (0.08, 0.10)
AUC_THRESHOLD = 0.08
MEASURES = ("NME", "failures > .08", "failures > .10", "AUC .08")


def normaliser(points_xy: Doubles, kind: Normaliser) -> float:
    """Return the length [px] that errors of one face are divided by.

    Args:
        points_xy: (68, 2), the labelled ones.
        kind: `inter-ocular` outer eye corners (points 37 and 46 counted from 1), `inter-pupil`
            means of the six points of each eye, `box` square root of the area of the smallest box
            around the 68 points.
    """
    if kind == "inter-ocular":
        return float(np.linalg.norm(points_xy[36] - points_xy[45]))
    if kind == "inter-pupil":
        eyes = points_xy[36:42].mean(axis=0) - points_xy[42:48].mean(axis=0)
        return float(np.linalg.norm(eyes))
    return float(np.sqrt(np.prod(np.ptp(points_xy, axis=0))))


def normalised_errors(
    found_xy: Doubles, labelled_xy: Doubles, kind: Normaliser
) -> tuple[float, float]:
    """Return the normalised mean error of all 68 points, and of the 51 inside the jaw line."""
    distances = np.linalg.norm(found_xy - labelled_xy, axis=1) / normaliser(labelled_xy, kind)
    return float(distances.mean()), float(distances[JAW:].mean())


def landmark_figures(errors: Doubles, weights: Doubles) -> Doubles:
    """Return `MEASURES` (4,) of errors (N,) with weights (N,); an infinite error: not found.

    The mean error is over the faces found. Failure rates and area count a face that was not found
    as a failure at every threshold.
    """
    found = np.isfinite(errors)
    n, n_found = weights.sum(), weights[found].sum()
    if n == 0:
        return np.full(len(MEASURES), np.nan)
    mean = (errors[found] @ weights[found]) / n_found if n_found else np.nan
    failures = [((errors > limit) @ weights) / n for limit in FAILURE_THRESHOLDS]
    return np.array([mean, *failures, area_under_curve(errors, weights, AUC_THRESHOLD)])


def area_under_curve(errors: Doubles, weights: Doubles, threshold: float) -> float:
    """Return the mean height, 0..1, of the curve "share of faces with at most this error".

    Exact, no sum over steps: each face lifts the curve from its own error on.
    """
    return float((np.clip(1.0 - errors / threshold, 0.0, 1.0) @ weights) / weights.sum())
