"""What an analyser found in a film, set beside the truth."""

from dataclasses import dataclass, fields
from typing import Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from deploy.lesson.matching import People
from deploy.lesson.noise_model import DOWN_DEG, class_of

HEIGHT_EDGES_PX: Final = (36.0, 42.0, 50.0, 60.0, 75.0)
TURN_EDGES_DEG: Final = (20.0, 40.0, 60.0, 85.0)
NOD_EDGES_DEG: Final = (-30.0, -18.0, -8.0, 4.0)
HIDDEN_EDGES: Final = (0.1, 0.3, 0.5, 0.7)

Floats = NDArray[np.float64]


class FalseFace(NamedTuple):
    """A face that is nobody's."""

    height_px: float
    confidence: float
    box: tuple[float, float, float, float]


class FoundFace(Protocol):
    """What is needed of `workers.analyzer.Face`."""

    box_xyxy: tuple[float, float, float, float]
    confidence: float
    yaw_deg: float | None
    pitch_deg: float | None
    eye_openness: tuple[float, float] | None


@dataclass
class Looks:
    """One camera: the truth about P people in F frames, and what was found (nan: nothing)."""

    step_s: float
    present: NDArray[np.bool_]
    true_box: Floats
    true_deg: Floats
    hidden: Floats
    openness: Floats
    found: NDArray[np.bool_]
    box: Floats
    confidence: Floats
    pose_deg: Floats
    ear: Floats

    @classmethod
    def of(cls, people: People, step_s: float) -> "Looks":
        """Nothing found yet, at every `step_s` of the truth's time."""
        every = round(step_s * people.students.fps)
        parts = (people.students, people.bystanders)

        def both(name: str) -> NDArray[np.generic]:
            return np.concatenate([getattr(part, name) for part in parts], axis=1)[::every]

        present = both("present")
        shape = present.shape
        return cls(
            step_s=step_s, present=present, true_box=both("box_xyxy").astype(float),
            true_deg=both("seen_deg").astype(float), hidden=both("occluded").astype(float),
            openness=both("openness").astype(float), found=np.zeros(shape, bool),
            box=np.full((*shape, 4), np.nan), confidence=np.full(shape, np.nan),
            pose_deg=np.full((*shape, 2), np.nan), ear=np.full(shape, np.nan),
        )  # fmt: skip

    def part(self, first: int, last: int) -> "Looks":
        """Only the frames from `first` up to `last`."""
        cut = {
            field.name: getattr(self, field.name)[first:last]
            for field in fields(self)
            if field.name != "step_s"
        }
        return Looks(step_s=self.step_s, **cut)

    def see(self, frame: int, person: int, face: FoundFace) -> None:
        """Enter what was found of somebody."""
        self.found[frame, person] = True
        self.box[frame, person] = face.box_xyxy
        self.confidence[frame, person] = face.confidence
        if face.yaw_deg is not None and face.pitch_deg is not None:
            self.pose_deg[frame, person] = face.yaw_deg, face.pitch_deg
        if face.eye_openness is not None:
            self.ear[frame, person] = np.mean(face.eye_openness)

    @property
    def height(self) -> NDArray[np.intp]:
        """(F, P) class of face height."""
        return class_of(self.true_box[..., 3] - self.true_box[..., 1], HEIGHT_EDGES_PX)

    @property
    def turn(self) -> NDArray[np.intp]:
        """(F, P) class of |yaw|."""
        return class_of(np.abs(self.true_deg[..., 0]), TURN_EDGES_DEG)

    @property
    def nod(self) -> NDArray[np.intp]:
        """(F, P) class of pitch."""
        return class_of(self.true_deg[..., 1], NOD_EDGES_DEG)

    @property
    def down(self) -> NDArray[np.bool_]:
        """(F, P) on the desk."""
        return self.present & (np.nan_to_num(self.true_deg[..., 1]) < DOWN_DEG)
