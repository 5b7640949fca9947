"""Right answers among seven expressions: accuracy, mean recall, and who is taken for whom.

Sources: accuracy as in I. J. Goodfellow et al., "Challenges in Representation Learning", 2013
(FER2013); mean recall over the classes, which RAF-DB calls average accuracy, as in S. Li, W. Deng,
J. Du, "Reliable Crowdsourcing and Deep Locality-Preserving Learning for Expression Recognition in
the Wild", 2017: it is the fair one where classes differ in size.
"""

import numpy as np
from numpy.typing import NDArray

from schemas.messages import EXPRESSIONS

Doubles = NDArray[np.float64]
Classes = NDArray[np.intp]

NO_ANSWER = len(EXPRESSIONS)
"""The column of pictures without an answer: no face found, or too small a one."""


def confusion_counts(labelled: Classes, answered: Classes, weights: Doubles) -> Doubles:
    """Return the weights (7, 8) of pictures by labelled and answered class.

    Args:
        labelled: (N,) in 0..6, numbers of `schemas.messages.EXPRESSIONS`.
        answered: (N,) in 0..7; 7 is no answer.
        weights: (N,).
    """
    size = (len(EXPRESSIONS), len(EXPRESSIONS) + 1)
    flat = np.bincount(labelled * size[1] + answered, weights, minlength=size[0] * size[1])
    counts: Doubles = flat.reshape(size).astype(np.float64)
    return counts


def recalls(counts: Doubles) -> Doubles:
    """Return the recall (7,) of each class among its answered pictures; NaN for none."""
    answered = counts[:, :NO_ANSWER].sum(axis=1)
    right = np.diagonal(counts)
    shares = np.full(len(right), np.nan)
    np.divide(right, answered, out=shares, where=answered > 0)
    return shares


def overall(counts: Doubles) -> Doubles:
    """Return accuracy, mean recall, and accuracy where no answer is a wrong one, (3,)."""
    answered, everything = counts[:, :NO_ANSWER].sum(), counts.sum()
    right = np.trace(counts[:, :NO_ANSWER])
    by_class = recalls(counts)
    known = np.isfinite(by_class)
    return np.array(
        [
            right / answered if answered else np.nan,
            by_class[known].mean() if known.any() else np.nan,
            right / everything if everything else np.nan,
        ]
    )


OVERALL = ("accuracy", "mean recall", "accuracy, unanswered wrong")
