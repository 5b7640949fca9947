"""How much boxes overlap that may have moved by more than their own size since they were seen.

Shape letters: N tracks, M faces.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def buffered_iou(a_xy: Floats, a_wh: Floats, b_xy: Floats, b_wh: Floats, buffer: Floats) -> Floats:
    """Overlap of boxes after both grew by `buffer` of their size on each side.

    Growing both boxes about their centres is the same as moving the centres closer together, so
    that only the distances are scaled: C-BIoU's similarity (Yang et al. 2023, arXiv:2211.14317,
    eq. 1), which is wanted for each track with a buffer of its own.

    Args:
        a_xy: (2, N) centres.
        a_wh: (2, N) widths and heights.
        b_xy: (2, M)
        b_wh: (2, M)
        buffer: (N,) of each box of `a`, used for its partner too.

    Returns:
        (N, M) intersection over union, 0..1.
    """
    apart = a_xy[:, :, None] - b_xy[:, None, :]
    np.abs(apart, out=apart)
    apart /= (1.0 + 2.0 * buffer)[:, None]
    shared = (a_wh * 0.5)[:, :, None] + (b_wh * 0.5)[:, None, :]
    shared -= apart
    np.minimum(shared, np.minimum(a_wh[:, :, None], b_wh[:, None, :]), out=shared)
    np.maximum(shared, 0.0, out=shared)
    both: Floats = shared[0]
    both *= shared[1]
    total = (a_wh[0] * a_wh[1])[:, None] + (b_wh[0] * b_wh[1])
    total -= both
    both /= total
    return both
