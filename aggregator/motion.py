"""Where a face should be now, and what is learnt from where it is: a constant-velocity filter.

Shape letters: N tracks, K of them continued by a face.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from aggregator.tracks import NS, Floats, Wholes

ANCHOR_TIME_S: Final = 5.0
_LONGEST_COAST_S: Final = 1.0  # a lost face is not believed to move on for longer
_SHORTEST_S: Final = 0.02  # faster frames say nothing about speed
_POSITION_GAIN: Final = 0.8
_SIZE_GAIN: Final = 0.5
# What the speed takes of the error at the n-th sighting: as much as n sightings alone would tell,
# 6 / (n (n + 1)), so that whoever walks in is followed from the third frame on; later 0.2.
_SPEED_GAINS: Final = np.array([1.0, 1.0, 1.0, 0.5, 0.3, 0.2])
_MAX_SPEED: Final = 12.0  # face sizes a second; who walks past near the camera makes 7
_BUFFER: Final = 0.1
_BUFFER_PER_S: Final = 0.5
_MAX_BUFFER: Final = 1.0


def gap_terms(at_ns: int, seen_ns: list[int]) -> Floats:
    """What follows from how long ago each track was seen; few of these times differ.

    Python's exp, not numpy's: the last bit of that depends on the processor, and rows must not.

    Returns:
        (4, N): how long the face is believed to have moved on [s], the buffer about its box, the
        inverse of the time [1/s], the anchor's share of what is seen now.
    """
    number = {seen: i for i, seen in enumerate(dict.fromkeys(seen_ns))}
    terms = []
    for seen in number:
        gap_s = (at_ns - seen) / NS
        coast_s = min(gap_s, _LONGEST_COAST_S)
        buffer = min(_BUFFER + _BUFFER_PER_S * gap_s, _MAX_BUFFER)
        rate = 1.0 / gap_s if gap_s > _SHORTEST_S else 0.0
        share = 1.0 - math.exp(-max(gap_s, 0.0) / ANCHOR_TIME_S)
        terms.append((coast_s, buffer, rate, share))
    found: Floats = np.array(terms).T.take([number[seen] for seen in seen_ns], axis=1)
    return found


def corrected(
    old: Floats, expected: Floats, seen: Floats, rate: Floats, share: Floats, sightings: Wholes
) -> Floats:
    """The alpha-beta filter of the centre, and the means of size and anchor, corrected.

    Args:
        old: (6, K) size, speed, anchor.
        expected: (2, K) where the faces should be.
        seen: (4, K) boxes that were found.
        rate: (K,) see `gap_terms`.
        share: (K,) the same.
        sightings: (K,) with this one.

    Returns:
        (8, K) centre, size, speed, anchor.
    """
    off = seen[:2] - expected
    size = old[:2] + _SIZE_GAIN * (seen[2:] - old[:2])
    fastest = _MAX_SPEED * size
    pull = rate * _SPEED_GAINS.take(sightings, mode="clip")
    speed = np.minimum(np.maximum(old[2:4] + off * pull, -fastest), fastest)
    anchor = old[4:] + share * (seen[:2] - old[4:])
    return np.concatenate([expected + _POSITION_GAIN * off, size, speed, anchor])
