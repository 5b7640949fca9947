"""What the analyser's steps hand to one another, and what a choice for a step must offer.

N faces of several pictures are always arrays of N rows, with `image_index` to tell the picture.
No torch here: networks are called through `workers.engines`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.analysis import DetectionPlan
from workers.engines import Engine, NetworkSpec, Outputs
from workers.geometry.crops import Crops
from workers.geometry.head_pose import HeadPoses

Image = NDArray[np.uint8]
"""(H, W, 3) RGB."""
Floats = NDArray[np.float32]

POSE_MIN_PRESENCE = 1e-6
"""Below it the landmarks are no face's, and no pose is told from them. Above it the yaw's sign was
right in 126 of 126 turned heads of Pointing'04 with a presence under .9."""

StageTimer = Callable[[str], AbstractContextManager[None]]
"""Called with a step's name around it: `with timer("detect"): …`."""


def no_timer(_stage: str) -> AbstractContextManager[None]:
    """Time nothing."""
    return nullcontext()


DEFAULT_PLAN = DetectionPlan()


@dataclass(frozen=True, slots=True)
class View:
    """Where a picture comes from, as far as the analysis cares.

    Attributes:
        source: the camera or film; pictures of one source, in order, are one film. Empty: a
            picture by itself.
        at_s: the picture's time in its source [s].
        detection: what this source's detector looks at.
    """

    source: str = ""
    at_s: float = 0.0
    detection: DetectionPlan = DEFAULT_PLAN


@dataclass(frozen=True, slots=True)
class Detections:
    """Faces of one picture, best first.

    Attributes:
        boxes_xyxy: (N, 4) float32 [px of the picture].
        points_xy: (N, 5, 2) float32 [px]: image-left eye, image-right eye, nose, image-left and
            image-right corner of the mouth.
        confidence: (N,) float32 in 0..1.
    """

    boxes_xyxy: Floats
    points_xy: Floats
    confidence: Floats

    def __post_init__(self) -> None:
        n = len(self.confidence)
        if self.boxes_xyxy.shape != (n, 4) or self.points_xy.shape != (n, 5, 2):
            raise ValueError(
                f"expected {n} boxes and 5 points each, got {self.boxes_xyxy.shape = } and "
                f"{self.points_xy.shape = }"
            )


@dataclass(frozen=True, slots=True)
class DetectorModel:
    """A detector: its network with its own preparation, reading and thresholds.

    Attributes:
        name: as in `schemas.analysis.DETECTORS`.
        spec: its network.
        prepare: picture and scale to the network's picture (H', W', 3) and the scales that whole
            pixels made of it, across and down.
        read_answer: one picture's outputs, those scales and a threshold to its faces.
        min_confidence: its threshold.
        nms_iou: boxes that share more than this are one face.
        sure_confidence: from here on the detector is believed where the landmark network sees no
            face (true profiles); above 1: never.
    """

    name: str
    spec: NetworkSpec
    prepare: Callable[[Image, float], tuple[Image, tuple[float, float]]]
    read_answer: Callable[[Sequence[Floats], tuple[float, float], float], Detections]
    min_confidence: float
    nms_iou: float
    sure_confidence: float


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Points of N faces in the pixels of their pictures.

    Attributes:
        points_xyz: (N, L, 3) float32 [px]; z away from the camera, in pixels like x; 0 where the
            network knows no depth.
        presence: (N,) float32 in 0..1, the network's opinion that there is a face; None where it
            has none.
    """

    points_xyz: Floats
    presence: Floats | None

    def __getitem__(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> "Landmarks":
        presence = None if self.presence is None else self.presence[chosen]
        return Landmarks(self.points_xyz[chosen], presence)


@dataclass(frozen=True, slots=True)
class LandmarkModel:
    """A landmark network: how faces are cut out for it and how it is read.

    Attributes:
        name: as in `schemas.analysis.LANDMARKS`.
        spec: its network; takes (B, side, side, 3).
        side_px: side of its crops.
        margin: a crop's side over the box's longer side.
        n_points: L.
        batch: faces in one run on a CPU.
        crop: boxes (N, 4), points (N, 5, 2) and picture numbers (N,) to squares.
        read: outputs for N crops, and the squares, to points in the pictures.
        five_points: points (N, L, 3) to the detector's five (N, 5, 2).
        eyes: (2, 6) numbers of the points of the image-left and image-right eye for the EAR.
    """

    name: str
    spec: NetworkSpec
    side_px: int
    margin: float
    n_points: int
    batch: int
    crop: Callable[[Floats, Floats, NDArray[np.intp]], Crops]
    read: Callable[[Outputs, Crops], Landmarks]
    five_points: Callable[[Floats], Floats]
    eyes: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of N faces when their pose is asked for.

    Attributes:
        images: the pictures.
        image_index: (N,) which of them each face is in.
        boxes_xyxy: (N, 4) [px].
        points_xy: (N, 5, 2) [px], the detector's.
        confidence: (N,) the detector's.
        landmarks: of the N faces.
        crops: (N, S, S, 3) uint8 RGB, the faces as they were cut out for the landmark network.
    """

    images: Sequence[Image]
    image_index: NDArray[np.intp]
    boxes_xyxy: Floats
    points_xy: Floats
    confidence: Floats
    landmarks: Landmarks
    crops: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.image_index)

    @property
    def marked(self) -> NDArray[np.bool_]:
        """Whether the landmarks (N,) can be those of a face, so that a pose may be told by them."""
        presence = self.landmarks.presence
        if presence is None:
            return np.ones(len(self), bool)
        return np.asarray(presence >= POSE_MIN_PRESENCE)

    def __getitem__(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> "Found":
        return Found(
            self.images,
            self.image_index[chosen],
            self.boxes_xyxy[chosen],
            self.points_xy[chosen],
            self.confidence[chosen],
            self.landmarks[chosen],
            self.crops[chosen],
        )


PoseEstimator = Callable[[Found], HeadPoses]
ExpressionReader = Callable[[Sequence[Image], Floats, Floats, NDArray[np.intp]], Floats]
"""Pictures, boxes (N, 4), points (N, 5, 2), picture numbers (N,) to probabilities (N, 7)."""


@dataclass(frozen=True, slots=True)
class PoseMethod:
    """A way to the angles.

    Attributes:
        name: as in `schemas.analysis.POSES`.
        landmarks: the landmark models that it works with.
        networks: its own networks.
        build: loads them and returns the estimator.
    """

    name: str
    landmarks: tuple[str, ...]
    networks: tuple[NetworkSpec, ...]
    build: Callable[[Engine], PoseEstimator]


@dataclass(frozen=True, slots=True)
class ExpressionModel:
    """A reader of expressions.

    Attributes:
        name: as in `schemas.analysis.EXPRESSION_NETS`.
        networks: its networks.
        build: loads them and returns the reader.
    """

    name: str
    networks: tuple[NetworkSpec, ...]
    build: Callable[[Engine], ExpressionReader]
