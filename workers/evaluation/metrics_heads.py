"""Faces found on labelled heads: for sets that label every head, seen from all sides.

No average precision: a detector of faces is right to see none on the back of a head. Two shares say
what a classroom needs: heads with a face found on them, and boxes that are off any head.
"""

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]

MIN_INSIDE = 0.5
"""A box is on a head when at least this share of the box's own area lies in the head's box."""


def share_inside(found_xyxy: Doubles, heads_xyxy: Doubles) -> Doubles:
    """Return the share (M, N) of each found box's area that lies in each head."""
    low = np.maximum(found_xyxy[:, None, :2], heads_xyxy[None, :, :2])
    high = np.minimum(found_xyxy[:, None, 2:], heads_xyxy[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0.0, None), axis=-1)
    area = np.prod(np.clip(found_xyxy[:, 2:] - found_xyxy[:, :2], 1e-9, None), axis=1)
    share: Doubles = shared / area[:, None]
    return share


def faces_on_heads(found_xyxy: Doubles, heads_xyxy: Doubles) -> tuple[Flags, Flags]:
    """Return which heads (N,) have a face, and which found boxes (M,) are off any head.

    Boxes are given to heads one to one, from the largest share downwards; a second box on a head
    is on a head, but gives its face to no other.

    Args:
        found_xyxy: (M, 4), the boxes above the detector's threshold.
        heads_xyxy: (N, 4).
    """
    with_face = np.zeros(len(heads_xyxy), bool)
    if not len(found_xyxy) or not len(heads_xyxy):
        return with_face, np.ones(len(found_xyxy), bool)
    share = share_inside(found_xyxy, heads_xyxy)
    off = share.max(axis=1) < MIN_INSIDE
    open_pairs = np.where(share >= MIN_INSIDE, share, 0.0)
    while open_pairs.max() > 0:
        found, head = np.unravel_index(np.argmax(open_pairs), open_pairs.shape)
        with_face[head] = True
        open_pairs[found, :] = 0.0
        open_pairs[:, head] = 0.0
    return with_face, off
