"""Eyes over time: how open a student's eyes usually are, and how often they were closed lately.

A *ring* has one place for each of the last seconds, at second modulo its length, so that time
moves no entry. The rings of all students of a second are judged in one pass.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from aggregator.score import Bools, Floats, Ints, closed_thresholds, eye_factor

OPEN_LEVEL_S: Final = 300
EYE_S: Final = 60
NOT_JUDGED: Final = -1
_EARS: Final = OPEN_LEVEL_S + 1  # the second itself and 5 min before it
_MILLI: Final = 1000.0
_NO_EAR: Final = 2**15 - 1  # sorts behind every EAR
_NO_EARS: Final = struct.pack("<h", _NO_EAR) * _EARS
_NO_EYES: Final = bytes([255]) * EYE_S
_PUT_EAR: Final = struct.Struct("<h").pack_into


class EyeMemory(msgspec.Struct):
    """One student's eyes in the last minutes; part of the room's snapshot."""

    second: int = 0  # of the newest entry; 0: none
    ears: bytearray = msgspec.field(default_factory=lambda: bytearray(_NO_EARS))  # int16, 1/1000
    closed: bytearray = msgspec.field(default_factory=lambda: bytearray(_NO_EYES))  # 1, 0; 255: -

    @classmethod
    def of_lists(cls, second: int, ears_milli: Sequence[int], closed: Sequence[int]) -> EyeMemory:
        """From lists of the last seconds, -1 for not judged, `second` at their end."""
        memory = cls(second=second)
        for back, ear in enumerate(reversed(ears_milli)):
            if ear != NOT_JUDGED:
                _PUT_EAR(memory.ears, 2 * ((second - back) % _EARS), ear)
        for back, was_closed in enumerate(reversed(closed)):
            memory.closed[(second - back) % EYE_S] = was_closed & 255
        return memory

    def skip_to(self, second: int) -> None:
        """Nothing is known of the seconds since the newest entry."""
        for skipped in range(max(self.second + 1, second - OPEN_LEVEL_S), second):
            self.put(skipped, _NO_EAR, NOT_JUDGED)

    def put(self, second: int, ear_milli: int, closed: int) -> None:
        """Enter a second in the place of the one that is a ring's length older."""
        _PUT_EAR(self.ears, 2 * (second % _EARS), ear_milli)
        self.closed[second % EYE_S] = closed & 255
        self.second = second


def judge_eyes(
    second: int, memories: Sequence[EyeMemory], ears: Floats, seen: Bools
) -> tuple[Ints, Floats]:
    """Enter a second's eyes; for each student 1 closed, 0 open, -1 not judged, and the factor E.

    Args:
        second: Unix time; seconds come in order.
        memories: of the students.
        ears: (N,) EAR of each in this second.
        seen: (N,) whether that means anything.
    """
    for memory in memories:
        if memory.second != second - 1:
            memory.skip_to(second)
    milli: Ints = np.where(seen, np.rint(_MILLI * ears), _NO_EAR).astype(np.int64)
    rings = b"".join([memory.ears for memory in memories])
    # 32 bits are sorted five times faster than 16.
    lately = np.frombuffer(rings, "<i2").reshape(-1, _EARS).astype(np.int32)
    lately[:, second % _EARS] = milli
    lately.sort(axis=1)
    n = (lately != _NO_EAR).sum(axis=1)
    below = milli / _MILLI < closed_thresholds(lately, n, unit=_MILLI)
    eye: Ints = np.where(seen, below, NOT_JUDGED)
    for memory, ear, closed in zip(memories, milli.tolist(), eye.tolist(), strict=True):
        memory.put(second, ear, closed)
    eyes = np.frombuffer(b"".join([m.closed for m in memories]), np.int8).reshape(-1, EYE_S)
    return eye, eye_factor((eyes == 1).sum(axis=1), (eyes != NOT_JUDGED).sum(axis=1))
