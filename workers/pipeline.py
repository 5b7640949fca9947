"""The analyser's steps on the host: arrays between the steps, networks through an engine.

Each network runs over all faces of all pictures at once; only detection and cutting out go picture
by picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.detection import FaceDetector
from workers.engines import Network, run_in_batches
from workers.face_finder import FaceFinder
from workers.following import Following
from workers.geometry.crops import Crops, cut
from workers.geometry.eyes import eye_openness
from workers.geometry.head_pose import HeadPoses
from workers.measured import Measured
from workers.quality import face_quality, sharpness
from workers.stages import (
    Detections,
    ExpressionReader,
    Floats,
    Found,
    Image,
    LandmarkModel,
    Landmarks,
    PoseEstimator,
    StageTimer,
    View,
    no_timer,
)
from workers.static_faces import StaticFaces, thumbnails

MIN_EXPRESSION_HEIGHT_PX = 32
"""Below this an expression is a guess (.55 right at 24 px, .70 at 48): none is more honest."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The loaded choices.

    Attributes:
        detector: finds faces in one picture.
        sure_confidence: see `DetectorModel`.
        landmark_model: how its network is fed and read.
        landmarks: the landmark network.
        batch: faces in one run of it.
        second_pass: look at each face twice.
        pose: faces to angles.
        expression: None where policy forbids it.
        min_presence: the landmark network's threshold for faces of which the detector is not sure.
    """

    detector: FaceDetector
    sure_confidence: float
    landmark_model: LandmarkModel
    landmarks: Network
    batch: int
    second_pass: bool
    pose: PoseEstimator
    expression: ExpressionReader | None
    min_presence: float


class HostPipeline:
    """Pictures to measured faces.

    Args:
        steps: the loaded choices.
        timer: told of each step, for `facepose bench`.
        following: stands in for the detector between its looks at a film; None: it always looks.
    """

    def __init__(
        self, steps: Steps, timer: StageTimer = no_timer, following: Following | None = None
    ) -> None:
        self._steps = steps
        self._timer = timer
        five_points = steps.landmark_model.five_points
        self._find = FaceFinder(self._detect, self._with_landmarks, five_points, following)
        self._static_faces = StaticFaces()

    def measure(self, images: Sequence[Image], views: Sequence[View]) -> Measured | None:
        """Return all faces of the pictures; None when there is none."""
        if not images:
            return None
        faces = self._believed(self._find(images, views))
        return self._measure(faces, views) if len(faces) else None

    def warm_up(self) -> None:
        """Run every network once, on a black picture that is said to hold a face."""
        black = np.zeros((720, 1280, 3), np.uint8)
        self._steps.detector.detect(black, View().detection)
        box = np.array([[540, 260, 740, 460]], np.float32)
        points = np.array(
            [[[590, 330], [690, 330], [640, 370], [600, 410], [680, 410]]], np.float32
        )
        found = Detections(box, points, np.ones(1, np.float32))
        self._measure(self._with_landmarks([black], [found]), [View()])

    def _detect(self, image: Image, view: View) -> Detections:
        with self._timer("detect"):
            return self._steps.detector.detect(image, view.detection)

    def _with_landmarks(self, images: Sequence[Image], found: list[Detections]) -> Found:
        """Put landmarks on all faces of all pictures."""
        boxes = np.concatenate([d.boxes_xyxy for d in found])
        points = np.concatenate([d.points_xy for d in found])
        index = np.repeat(np.arange(len(found)), [len(d.confidence) for d in found])
        confidence = np.concatenate([d.confidence for d in found])
        model = self._steps.landmark_model
        if not len(boxes):
            nowhere = np.zeros((0, model.n_points, 3), np.float32)
            marks = Landmarks(nowhere, np.zeros(0, np.float32))
            crops = np.zeros((0, model.side_px, model.side_px, 3), np.uint8)
            return Found(images, index, boxes, points, confidence, marks, crops)
        marks, crops = self._find_landmarks(images, model.crop(boxes, points, index))
        if self._steps.second_pass:
            marks, crops = self._find_landmarks(images, self._closer_crops(marks, index))
        return Found(images, index, boxes, points, confidence, marks, crops)

    def _closer_crops(self, marks: Landmarks, image_index: NDArray[np.intp]) -> Crops:
        points = self._steps.landmark_model.five_points(marks.points_xyz)
        return self._steps.landmark_model.crop(_box_of(marks.points_xyz), points, image_index)

    def _find_landmarks(
        self, images: Sequence[Image], crops: Crops
    ) -> tuple[Landmarks, NDArray[np.uint8]]:
        model = self._steps.landmark_model
        with self._timer("crop"):
            pictures = cut(images, crops, model.side_px)
        with self._timer("landmarks"):
            outputs = run_in_batches(self._steps.landmarks, pictures, self._steps.batch)
            return model.read(outputs, crops), pictures

    def _believed(self, found: Found) -> Found:
        """Leave out what only the detector, and not surely, takes for a face."""
        presence = found.landmarks.presence
        believed = np.asarray(np.isfinite(found.landmarks.points_xyz).all(axis=(1, 2)))
        if presence is not None:
            sure = found.confidence >= self._steps.sure_confidence
            believed = believed & ((presence >= self._steps.min_presence) | sure)
        return found if believed.all() else found[believed]

    def _measure(self, found: Found, views: Sequence[View]) -> Measured:
        points = found.landmarks.points_xyz
        presence = found.landmarks.presence
        if presence is None:
            presence = np.full(len(found), np.nan, np.float32)
        with self._timer("pose"):
            poses = _whole(self._steps.pose(found))
        with self._timer("eyes"):
            eyes = eye_openness(points, self._steps.landmark_model.eyes)
        with self._timer("expression"):
            expressions = self._expressions(found)
        with self._timer("quality"):
            quality = self._quality(found, presence, poses)
            static = self._find_static(found, poses, eyes, views)
        return Measured(
            image_index=found.image_index,
            boxes_xyxy=found.boxes_xyxy,
            confidence=found.confidence,
            landmarks_xy=points[:, :, :2],
            presence=presence,
            poses=poses,
            eye_openness=eyes,
            expression_probs=expressions,
            quality=quality,
            static=static,
        )

    def _quality(self, found: Found, presence: Floats, poses: HeadPoses) -> Floats:
        heights = found.boxes_xyxy[:, 3] - found.boxes_xyxy[:, 1]
        sharp = sharpness(found.crops, self._steps.landmark_model.margin)
        return face_quality(heights, sharp, presence, poses.yaw_deg, found.confidence)

    def _find_static(
        self, found: Found, poses: HeadPoses, eyes: Floats, views: Sequence[View]
    ) -> NDArray[np.bool_]:
        """Return which faces (N,) have not moved for minutes; none of a picture by itself."""
        static = np.zeros(len(found), bool)
        angles = np.stack((poses.yaw_deg, poses.pitch_deg, poses.roll_deg), axis=1)
        for picture, view in enumerate(views):
            own = np.flatnonzero(found.image_index == picture)
            if view.source and len(own):
                static[own] = self._static_faces.update(
                    view.source,
                    view.at_s,
                    found.boxes_xyxy[own],
                    thumbnails(found.crops[own]),
                    angles[own],
                    eye_openness=eyes[own].mean(axis=1),
                )
        return static

    def _expressions(self, found: Found) -> Floats:
        """Return probabilities (N, 7) of the faces that are large enough, NaN for the others."""
        probs = np.full((len(found), 7), np.nan, np.float32)
        heights = found.boxes_xyxy[:, 3] - found.boxes_xyxy[:, 1]
        large = np.flatnonzero(heights >= MIN_EXPRESSION_HEIGHT_PX)
        if self._steps.expression is not None and len(large):
            probs[large] = self._steps.expression(
                found.images,
                found.boxes_xyxy[large],
                found.points_xy[large],
                found.image_index[large],
            )
        return probs


def _box_of(points_xyz: Floats) -> Floats:
    """Return the boxes (N, 4) around points (N, L, 3)."""
    low, high = points_xyz[:, :, :2].min(axis=1), points_xyz[:, :, :2].max(axis=1)
    return np.concatenate((low, high), axis=1)


def _whole(poses: HeadPoses) -> HeadPoses:
    """Tell all three angles of a head or none."""
    angles = np.stack((poses.yaw_deg, poses.pitch_deg, poses.roll_deg))
    angles[:, ~np.isfinite(angles).all(axis=0)] = np.nan
    return HeadPoses(*angles)
