"""Where heads pointed: the evidence that calibration is made of, small enough for a snapshot.

A seat's meeting is kept as at most `MAX_LOOKS` looks, evenly spaced in time, each one standing for
`stride` seconds. Heads keep still for seconds (lag-1 correlation .8 a second, SCORE's first
paragraph), so looks 16 s apart tell nearly as much as all seconds do. When the meeting is over the
looks are sorted: where a head pointed is kept, when it did is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from aggregator.calibration.angles import wrapped_deg
from aggregator.score import clamp

MAX_LOOKS: Final = 128
_PITCHES: Final = 180
_CODE: Final = np.dtype("<u2")  # 360 x 180 squares of 1 degree
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cells:
    """Student-seconds by direction, to one degree.

    Attributes:
        yaw_deg, pitch_deg: (N,) centres of squares of one degree.
        weight: (N,) seconds.
    """

    yaw_deg: Floats
    pitch_deg: Floats
    weight: Floats

    @property
    def seconds(self) -> int:
        """How many cells there are."""
        return round(float(self.weight.sum()))


class LessonLooks(msgspec.Struct, frozen=True):
    """A seat's looks of one meeting that is over."""

    start: int  # second in which the meeting began
    stride: int  # seconds for which each look stands
    codes: bytes

    @property
    def seconds(self) -> int:
        """Observed seconds behind it."""
        return len(self.codes) // _CODE.itemsize * self.stride


class Looks(msgspec.Struct):
    """A seat's looks of the meeting that is held."""

    passed: int = 0  # seconds in which a face was seen
    stride: int = 1
    codes: bytes = b""

    def is_due(self) -> bool:
        """Count one more second with a face; whether its direction is wanted."""
        self.passed += 1
        return self.passed % self.stride == 0

    def add(self, yaw_deg: float, pitch_deg: float) -> None:
        """Enter the direction of a second that was due."""
        self.codes += _code(yaw_deg, pitch_deg).to_bytes(2, "little")
        if len(self.codes) > MAX_LOOKS * _CODE.itemsize:
            self.codes = np.frombuffer(self.codes, _CODE)[1::2].tobytes()
            self.stride *= 2

    def close(self, start: int) -> LessonLooks:
        """What is kept of the meeting that began at `start`."""
        ordered = np.sort(np.frombuffer(self.codes, _CODE))
        return LessonLooks(start, self.stride, ordered.tobytes())


def encode(yaw_deg: Iterable[float], pitch_deg: Iterable[float]) -> bytes:
    """Directions to squares of one degree, 2 bytes each."""
    codes = [_code(yaw, pitch) for yaw, pitch in zip(yaw_deg, pitch_deg, strict=True)]
    return np.array(codes, _CODE).tobytes()


def _code(yaw_deg: float, pitch_deg: float) -> int:
    row = int(wrapped_deg(yaw_deg) + 180.0) % 360
    return row * _PITCHES + int(clamp(pitch_deg, -90.0, 89.5) + 90.0)


def cells_of(lessons: Iterable[LessonLooks]) -> Cells:
    """All cells of some meetings."""
    kept = list(lessons)
    codes = np.frombuffer(b"".join(lesson.codes for lesson in kept), _CODE)
    looks = [len(lesson.codes) // _CODE.itemsize for lesson in kept]
    return _cells(codes, np.repeat([float(lesson.stride) for lesson in kept], looks))


def cells_from(yaw_deg: Sequence[float], pitch_deg: Sequence[float]) -> Cells:
    """Cells of single seconds."""
    codes = np.frombuffer(encode(yaw_deg, pitch_deg), _CODE)
    return _cells(codes, np.ones(len(codes)))


def _cells(codes: NDArray[np.uint16], weights: Floats) -> Cells:
    squares, where = np.unique(codes.astype(np.int64), return_inverse=True)
    yaws, pitches = np.divmod(squares, _PITCHES)
    return Cells(
        yaw_deg=yaws - 180.0 + 0.5,
        pitch_deg=pitches - 90.0 + 0.5,
        weight=np.bincount(where.ravel(), weights, len(squares)).astype(np.float64),
    )
