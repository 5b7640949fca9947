"""Where everybody's head points while all look at the board: faces of a log to directions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from aggregator.calibration.angles import distance_deg, middle_yaw_deg, wrapped_deg
from aggregator.regions import Regions
from schemas.messages import Face, FrameFaces
from schemas.room_plan import SeatPlan

MIN_FACES: Final = 10
MAX_SPREAD_DEG: Final = 10.0
MIN_CONFIDENCE: Final = 0.5
_SPREAD_SHARE: Final = 0.68  # of the looks lie within the spread
WHOLE_CAMERA: Final = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """One seat's direction.

    Attributes:
        label: of the seat; "": the whole camera.
        faces: behind it.
        yaw_deg, pitch_deg: medians.
        spread_deg: two thirds of the looks lie that near.
    """

    label: str
    faces: int
    yaw_deg: float
    pitch_deg: float
    spread_deg: float

    @property
    def is_enough(self) -> bool:
        """Whether there are faces enough to set it."""
        return self.faces >= MIN_FACES

    @property
    def is_scattered(self) -> bool:
        """Whether not everybody looked at one thing."""
        return self.spread_deg > MAX_SPREAD_DEG


@dataclass
class CameraLooks:
    """What one camera has seen so far.

    Attributes:
        camera_id: slug.
        seats: its plan of today; without one, the whole camera is one.
        frames: analysed ones.
        faces: with a head direction.
        elsewhere: of these, in no seat or between two.
    """

    camera_id: str
    seats: Sequence[SeatPlan]
    frames: int = 0
    faces: int = 0
    elsewhere: int = 0
    _poses: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def feed(self, frame: FrameFaces) -> None:
        """Take in what a worker found in one frame."""
        if frame.outcome != "analysed":
            return
        self.frames += 1
        posed = [(face, pose) for face in frame.faces if (pose := _pose(face)) is not None]
        self.faces += len(posed)
        for (_, pose), labels in zip(posed, self._labels(frame, posed), strict=True):
            if len(labels) == 1:
                self._poses.setdefault(labels[0], []).append(pose)
            else:
                self.elsewhere += 1

    def _labels(
        self, frame: FrameFaces, posed: Sequence[tuple[Face, tuple[float, float]]]
    ) -> list[list[str]]:
        """The seats in which each face's centre is."""
        if not self.seats:
            return [[WHOLE_CAMERA]] * len(posed)
        boxes = [face.box_xyxy for face, _ in posed]
        xs = [(box[0] + box[2]) / 2 / frame.width for box in boxes]
        ys = [(box[1] + box[3]) / 2 / frame.height for box in boxes]
        return Regions(self.seats).at(xs, ys) if boxes else []

    def measured(self) -> list[Measured]:
        """The direction of every seat that was looked from, by label."""
        return [_measure(label, poses) for label, poses in sorted(self._poses.items())]


def _pose(face: Face) -> tuple[float, float] | None:
    """Yaw and pitch of a face that can be trusted; a poster's is nobody's."""
    if face.static or face.yaw_deg is None or face.pitch_deg is None:
        return None
    if not (math.isfinite(face.yaw_deg) and math.isfinite(face.pitch_deg)):
        return None
    return (face.yaw_deg, face.pitch_deg) if face.confidence >= MIN_CONFIDENCE else None


def _measure(label: str, poses: Sequence[tuple[float, float]]) -> Measured:
    about = middle_yaw_deg(yaw for yaw, _ in poses)
    yaw = wrapped_deg(about + median(wrapped_deg(yaw - about) for yaw, _ in poses))
    pitch = median(pitch for _, pitch in poses)
    distances = sorted(distance_deg(pose, (yaw, pitch)) for pose in poses)
    spread = distances[min(len(distances) - 1, int(_SPREAD_SHARE * len(distances)))]
    return Measured(label, len(poses), round(yaw, 2), round(pitch, 2), round(spread, 2))
