"""The truth about one frame of a simulated film."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deploy.simulator.script import Behaviour

_GREY_PITCH_DEG: Final = (-80.0, -45.0)
_GREY_OCCLUSION: Final = (0.6, 0.9)


@dataclass(slots=True)
class Moment:
    """The truth about one frame, S seats.

    Attributes:
        present: (S,) a head was drawn.
        seated: (S,) it is in its seat.
        behaviour: (S,) of `script.Behaviour`.
        seen_deg: (S, 3) yaw, pitch, roll relative to the line of sight.
        front_deg: (S, 3) the same relative to the board's direction.
        neck_xy: (S, 2) where the neck's joint lies [px].
        box_xyxy: (S, 4) of the drawn face [px].
        openness, smile, occluded: (S,) 0..1.
        do_not_score: (S,) in a grey zone, walking, or partly outside the picture.
    """

    present: NDArray[np.bool_]
    seated: NDArray[np.bool_]
    behaviour: NDArray[np.uint8]
    seen_deg: NDArray[np.float32]
    front_deg: NDArray[np.float32]
    neck_xy: NDArray[np.float32]
    box_xyxy: NDArray[np.float32]
    openness: NDArray[np.float32]
    smile: NDArray[np.float32]
    occluded: NDArray[np.float32]
    do_not_score: NDArray[np.bool_]

    @classmethod
    def empty(cls, seats: int) -> "Moment":
        """Nobody there."""
        return cls(
            np.zeros(seats, np.bool_), np.zeros(seats, np.bool_),
            np.full(seats, int(Behaviour.WALKING), np.uint8),
            np.full((seats, 3), np.nan, np.float32), np.full((seats, 3), np.nan, np.float32),
            np.full((seats, 2), np.nan, np.float32), np.full((seats, 4), np.nan, np.float32),
            np.zeros(seats, np.float32), np.zeros(seats, np.float32),
            np.zeros(seats, np.float32), np.zeros(seats, np.bool_),
        )  # fmt: skip


def in_grey_zone(moment: Moment) -> NDArray[np.bool_]:
    """(S,) head half down, or mostly but not wholly hidden: no right answer exists."""
    pitch, occluded = np.nan_to_num(moment.seen_deg[:, 1]), moment.occluded
    low, high = _GREY_PITCH_DEG
    some, most = _GREY_OCCLUSION
    grey: NDArray[np.bool_] = ((pitch > low) & (pitch < high)) | (
        (occluded > some) & (occluded < most)
    )
    return grey
